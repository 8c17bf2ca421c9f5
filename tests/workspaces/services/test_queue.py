"""What may start, per workspace (reference §3.1)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.domain import a_task, a_workspace, finish_plan
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.queue import start_next
from workspaces.task_status import TaskStatus, TaskType
from workspaces.transitions import transition


@pytest.mark.django_db
def test_a_locked_workspace_starts_nothing() -> None:
    workspace = a_workspace()
    a_task(workspace, TaskType.PLAN_ONLY)
    Workspace.objects.filter(pk=workspace.pk).update(
        is_locked=True, locked_by="ada", lock_reason="freeze"
    )

    assert start_next(workspace.pk) == []


@pytest.mark.django_db
def test_a_workspace_that_was_deleted_starts_nothing() -> None:
    """It may go between a task's end and the question what is next."""
    assert start_next(10**9) == []


@pytest.mark.django_db
def test_the_oldest_plan_and_apply_starts_and_the_next_waits_for_its_end() -> None:
    """F12: strictly first in, first out; apply_pending holds the workspace too."""
    workspace = a_workspace()
    first, second = a_task(workspace), a_task(workspace)

    assert start_next(workspace.pk) == [first.pk]
    first.refresh_from_db()
    finish_plan(first, add=1, has_changes=True)
    assert first.status == TaskStatus.APPLY_PENDING
    assert start_next(workspace.pk) == []

    transition(first, TaskStatus.CANCELLED)
    Workspace.objects.filter(pk=workspace.pk).update(is_locked=False, lock_reason="")
    assert start_next(workspace.pk) == [second.pk]


@pytest.mark.django_db
def test_every_plan_starts_beside_a_running_plan_and_apply() -> None:
    """F12: plans only read the state."""
    workspace = a_workspace()
    a_task(workspace)
    start_next(workspace.pk)
    plans = [a_task(workspace, TaskType.PLAN_ONLY) for _ in range(3)]

    assert start_next(workspace.pk) == [plan.pk for plan in plans]


@pytest.mark.django_db
def test_a_drift_check_waits_for_the_end_of_a_change() -> None:
    """F43: what is being changed looks like drift."""
    workspace = a_workspace()
    change = a_task(workspace)
    check = a_task(workspace, TaskType.DRIFT_CHECK)

    assert start_next(workspace.pk) == [change.pk]
    assert start_next(workspace.pk) == []
    change.refresh_from_db()
    finish_plan(change, has_changes=False)
    assert start_next(workspace.pk) == [check.pk]


@pytest.mark.django_db
def test_a_change_does_not_wait_for_a_drift_check() -> None:
    """F43: people come first."""
    workspace = a_workspace()
    check = a_task(workspace, TaskType.DRIFT_CHECK)
    start_next(workspace.pk)
    change = a_task(workspace)

    assert start_next(workspace.pk) == [change.pk]
    check.refresh_from_db()
    assert check.status == TaskStatus.RUNNING


@pytest.mark.django_db
def test_a_task_that_is_planned_and_finished_blocks_nobody() -> None:
    """F2: it is final."""
    workspace = a_workspace()
    first, second = a_task(workspace), a_task(workspace)
    start_next(workspace.pk)
    first.refresh_from_db()
    finish_plan(first, has_changes=False)

    assert start_next(workspace.pk) == [second.pk]


@pytest.mark.django_db(transaction=True)
def test_fifty_tasks_and_twenty_promoters_start_one_change_at_a_time() -> None:
    """F1: two schedulers at once start one execution, in order."""
    workspace = a_workspace()
    tasks = [a_task(workspace) for _ in range(50)]
    WorkspaceTask.objects.filter(workspace=workspace).update(status=TaskStatus.PENDING)
    for task in tasks:
        task.stages.all().delete()

    def promote(_: int) -> list[int]:
        try:
            return start_next(workspace.pk)
        finally:
            connection.close()

    started: list[int] = []
    for _ in tasks:
        with ThreadPoolExecutor(max_workers=20) as pool:
            won = [task for result in pool.map(promote, range(20)) for task in result]
        assert len(won) == 1
        started += won
        WorkspaceTask.objects.filter(pk=won[0]).update(status=TaskStatus.APPLIED)
    assert started == [task.pk for task in tasks]
