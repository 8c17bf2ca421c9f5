"""The one writer of a task's status."""

from typing import Any

import pytest
from django.db import IntegrityError
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.domain import a_task, a_workspace
from workspaces.exceptions import MoveNotAllowed, StatusChanged
from workspaces.models import OutputsSharing, RemoteDataToken, WorkspaceTask
from workspaces.services.remote_data import issue_token
from workspaces.signals import task_transitioned
from workspaces.task_status import ALLOWED_MOVES, FINAL, TaskStatus
from workspaces.transitions import repair, transition

pytestmark = pytest.mark.django_db


def test_a_move_is_recorded_with_who_and_why() -> None:
    task = a_task(a_workspace())

    transition(task, TaskStatus.RUNNING, actor="queue", reason="its turn", stage="fetching")

    move = task.transitions.last()
    assert move is not None
    assert (move.from_status, move.to_status, move.stage) == ("pending", "running", "fetching")
    assert (move.actor, move.reason) == ("queue", "its turn")
    assert (task.status, task.stage) == ("running", "fetching")
    assert task.started_at is not None


@pytest.mark.parametrize("final", sorted(FINAL))
def test_a_final_status_never_changes(final: TaskStatus) -> None:
    """F2: planned_and_finished is final too."""
    task = a_task(a_workspace())
    WorkspaceTask.objects.filter(pk=task.pk).update(status=final)
    task.refresh_from_db()

    for status in TaskStatus:
        with pytest.raises(MoveNotAllowed):
            transition(task, status)
    assert final not in ALLOWED_MOVES


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("to", TaskStatus)
def test_a_repair_only_makes_a_failed_task_applied(status: TaskStatus, to: TaskStatus) -> None:
    """O5, F9: the one way out of a final status, and nothing else goes that way."""
    task = a_task(a_workspace())
    WorkspaceTask.objects.filter(pk=task.pk).update(status=status)
    task.refresh_from_db()

    if (status, to) != (TaskStatus.FAILED, TaskStatus.APPLIED):
        with pytest.raises(MoveNotAllowed):
            repair(task, to, actor="ada", reason="saved again")
        return
    repair(task, to, actor="ada", reason="saved again", error_message="")

    move = task.transitions.last()
    assert move is not None
    assert (move.from_status, move.to_status, move.actor) == ("failed", "applied", "ada")
    assert task.status == TaskStatus.APPLIED


def test_of_two_repairs_one_wins() -> None:
    task = a_task(a_workspace())
    WorkspaceTask.objects.filter(pk=task.pk).update(status=TaskStatus.FAILED)
    task.refresh_from_db()
    other = WorkspaceTask.objects.get(pk=task.pk)
    repair(task, TaskStatus.APPLIED, actor="ada", reason="saved again")

    with pytest.raises(StatusChanged):
        repair(other, TaskStatus.APPLIED, actor="grace", reason="saved again")


def test_of_two_writers_who_read_the_same_status_one_wins() -> None:
    task = a_task(a_workspace())
    other = WorkspaceTask.objects.get(pk=task.pk)
    transition(task, TaskStatus.RUNNING)

    with pytest.raises(StatusChanged):
        transition(other, TaskStatus.CANCELLED)

    assert task.transitions.filter(to_status="cancelled").count() == 0


def test_two_plan_and_applies_of_a_workspace_are_never_live_together() -> None:
    workspace = a_workspace()
    first, second = a_task(workspace), a_task(workspace)
    transition(first, TaskStatus.RUNNING)

    with pytest.raises(StatusChanged, match="another plan-and-apply"):
        transition(second, TaskStatus.RUNNING)

    second.refresh_from_db()
    assert second.status == TaskStatus.PENDING


def test_the_schema_refuses_a_status_that_is_not_in_the_list() -> None:
    task = a_task(a_workspace())

    with pytest.raises(IntegrityError, match="known_task_status"):
        WorkspaceTask.objects.filter(pk=task.pk).update(status="on_hold")


def test_the_signal_is_sent_after_commit_only(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    task = a_task(a_workspace())
    heard: list[dict[str, Any]] = []

    def listen(**event: Any) -> None:
        heard.append(event)

    task_transitioned.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            transition(task, TaskStatus.CANCELLED)
            assert heard == []
    finally:
        task_transitioned.disconnect(listen)
    assert [(event["task_id"], event["to_status"]) for event in heard] == [(task.pk, "cancelled")]


def test_an_end_has_a_time_and_a_positive_duration() -> None:
    """L3: times come from PostgreSQL and are aware."""
    task = a_task(a_workspace())
    transition(task, TaskStatus.RUNNING)
    transition(task, TaskStatus.FAILED)

    assert task.completed_at is not None
    assert task.completed_at.tzinfo is not None
    assert task.duration is not None
    assert task.duration.total_seconds() >= 0


def test_a_rule_of_the_schema_that_is_broken_is_not_called_another_live_change() -> None:
    task = a_task(a_workspace())

    with pytest.raises(IntegrityError, match="known_task_type"):
        transition(task, TaskStatus.RUNNING, task_type="destroy")


def test_what_opened_other_workspaces_outputs_to_a_task_goes_with_its_end() -> None:
    source = a_workspace("network", outputs_sharing=OutputsSharing.ALL)
    ended, other = a_task(a_workspace()), a_task(a_workspace("other"))
    for task in (ended, other):
        issue_token(source, task)

    transition(ended, TaskStatus.CANCELLED)

    assert RemoteDataToken.objects.get().task == other
