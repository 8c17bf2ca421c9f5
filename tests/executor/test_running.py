"""What keeps the claims of a process alive."""

from dataclasses import replace

import pytest
from django.db.models.functions import Now

from executor.running import FENCED, RunningStages
from tests.domain import a_running_task, claimed
from workspaces.models import TaskStage, WorkspaceTask

pytestmark = pytest.mark.django_db


def test_a_registered_stage_keeps_its_lease() -> None:
    claim, running = claimed(a_running_task()), RunningStages()
    TaskStage.objects.filter(pk=claim.stage_id).update(lease_until=Now())

    with running.register(claim) as cancel:
        running.renew_all()
        assert not cancel.requested

    assert TaskStage.objects.filter(pk=claim.stage_id, lease_until__gt=Now()).exists()


def test_a_stage_whose_task_is_to_be_cancelled_is_asked_to_stop() -> None:
    task, running = a_running_task(), RunningStages()
    claim = claimed(task)

    with running.register(claim) as cancel:
        WorkspaceTask.objects.filter(pk=task.pk).update(
            cancel_requested_at=Now(), cancel_reason="wrong branch"
        )
        running.renew_all()
        assert cancel.reason == "wrong branch"


def test_a_stage_whose_claim_was_taken_away_is_asked_to_stop() -> None:
    claim, running = claimed(a_running_task()), RunningStages()

    with running.register(claim) as cancel:
        TaskStage.objects.filter(pk=claim.stage_id).update(token=claim.token + 1)
        running.renew_all()
        assert cancel.reason == FENCED


def test_an_apply_whose_claim_was_taken_away_is_never_stopped() -> None:
    """Whoever took it over waits for its end: an apply that is killed leaves things half made."""
    task, running = a_running_task(), RunningStages()
    claim = replace(claimed(task), name="applying")

    with running.register(claim) as cancel:
        TaskStage.objects.filter(pk=claim.stage_id).update(token=claim.token + 1)
        running.renew_all()
        assert not cancel.requested


def test_a_stage_that_has_ended_is_forgotten() -> None:
    claim, running = claimed(a_running_task()), RunningStages()
    with running.register(claim):
        pass
    TaskStage.objects.filter(pk=claim.stage_id).update(lease_until=Now())

    running.renew_all()

    assert not TaskStage.objects.filter(pk=claim.stage_id, lease_until__gt=Now()).exists()
