"""Starting a check by hand, and cancelling it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from iacplatform.common.errors import Conflict
from tests.domain import a_task, a_user, finish_plan, finish_stage
from tests.workspaces.drift.checks import a_deployed_workspace, a_running_check
from workspaces.drift.models import DriftCheck
from workspaces.drift.services.checks import (
    CheckRuns,
    cancel_checks,
    check_by_schedule,
    check_now,
)
from workspaces.exceptions import WorkspaceLocked
from workspaces.models import WorkspaceTask
from workspaces.services.locks import lock_workspace
from workspaces.services.queue import start_next
from workspaces.task_status import TaskStatus, TaskType


@pytest.mark.django_db
def test_a_persons_check_is_no_background_task() -> None:
    user = a_user("grace")
    task = check_now(a_deployed_workspace(), user=user)

    assert (task.created_by, task.is_background) == (user, False)
    assert not DriftCheck.objects.get(task=task).is_scheduled


@pytest.mark.django_db
def test_there_is_one_check_at_a_time() -> None:
    workspace = a_deployed_workspace()
    task = a_running_check(workspace)

    with pytest.raises(CheckRuns) as caught:
        check_now(workspace, user=a_user("grace"))
    assert caught.value.details == {"task_id": task.pk}

    finish_plan(task)
    check_now(workspace, user=a_user("alan"))


@pytest.mark.django_db
def test_a_locked_workspace_is_not_checked_by_hand_either() -> None:
    workspace, user = a_deployed_workspace(), a_user()
    lock_workspace(workspace, user=user, reason="freeze")

    with pytest.raises(WorkspaceLocked):
        check_now(workspace, user=user)


@pytest.mark.django_db
def test_a_check_that_was_asked_for_during_a_change_starts_after_it() -> None:
    """F43."""
    workspace = a_deployed_workspace()
    change = a_task(workspace)
    start_next(workspace.pk)
    task = a_running_check(workspace)
    assert task.status == TaskStatus.PENDING

    change.refresh_from_db()
    finish_plan(change, has_changes=False)

    assert start_next(workspace.pk) == [task.pk]


@pytest.mark.django_db
def test_a_task_that_came_in_between_keeps_the_scheduled_check_away() -> None:
    workspace = a_deployed_workspace()
    a_task(workspace)

    with pytest.raises(Conflict):
        check_by_schedule(workspace)


@pytest.mark.django_db
def test_cancelling_ends_what_nobody_works_on_at_once() -> None:
    workspace = a_deployed_workspace()
    task = a_running_check(workspace)

    assert cancel_checks(workspace, user=a_user("grace")) == 1

    task.refresh_from_db()
    assert task.status == TaskStatus.CANCELLED
    assert not task.stages.filter(status__in=["ready", "running"]).exists()
    assert cancel_checks(workspace, user=a_user("alan")) == 0


@pytest.mark.django_db
def test_cancelling_leaves_other_tasks_alone() -> None:
    workspace = a_deployed_workspace()
    plan = a_task(workspace, TaskType.PLAN_ONLY)

    assert cancel_checks(workspace, user=a_user("grace")) == 0

    plan.refresh_from_db()
    assert plan.status == TaskStatus.PENDING


@pytest.mark.django_db
def test_a_failed_check_is_followed_by_another() -> None:
    workspace = a_deployed_workspace()
    finish_stage(a_running_check(workspace), result="failed", message="Error")

    assert check_by_schedule(workspace).is_background


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_gets_a_check() -> None:
    workspace, user = a_deployed_workspace(), a_user("grace")

    def ask(_: int) -> bool:
        try:
            check_now(workspace, user=user)
        except CheckRuns:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert sum(pool.map(ask, range(16))) == 1
    assert WorkspaceTask.objects.filter(task_type=TaskType.DRIFT_CHECK).count() == 1
