"""The history is kept for a while."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.workspaces.drift.checks import a_deployed_workspace, a_finished_check, drifted
from workspaces.drift.models import DriftCheck
from workspaces.drift.services.pruning import prune_checks

pytestmark = pytest.mark.django_db


def test_old_checks_go_and_what_the_status_refers_to_stays(settings: Any) -> None:
    settings.DRIFT_KEEP_DAYS = 7
    workspace = a_deployed_workspace()
    old = [a_finished_check(workspace) for _ in range(3)]
    result = a_finished_check(workspace, drifted())
    DriftCheck.objects.update(created_at=Now() - timedelta(days=8))
    recent = a_finished_check(a_deployed_workspace("other"))

    assert prune_checks() == len(old)

    assert set(DriftCheck.objects.all()) == {result, recent}
