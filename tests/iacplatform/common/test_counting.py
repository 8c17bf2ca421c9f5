"""Several counts in one query."""

import pytest
from pytest_django import DjangoAssertNumQueries

from iacplatform.common.counting import count_each
from tests.factories import TaskFactory, WorkspaceFactory
from workspaces.models import WorkspaceTask

pytestmark = pytest.mark.django_db


def test_each_is_counted_no_further_than_asked(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    workspace = WorkspaceFactory.create()
    for _ in range(4):
        TaskFactory.create(workspace=workspace, failed=True)
    TaskFactory.create(workspace=workspace, description="100%s")
    tasks = WorkspaceTask.objects.filter(workspace=workspace).select_related("created_by")
    groups = {
        "all": tasks,
        "failed": tasks.filter(status="failed"),
        "odd": tasks.filter(description="100%s"),
        "nothing": tasks.filter(pk__in=[]),
    }

    with django_assert_num_queries(1):
        assert count_each(groups, at_most=3) == {"all": 3, "failed": 3, "odd": 1, "nothing": 0}
