"""The one writer of a task's status (design §3)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce, Now

from iacplatform.common.conflicts import violated
from workspaces.exceptions import MoveNotAllowed, StatusChanged
from workspaces.models import RemoteDataToken, TaskTransition, WorkspaceTask
from workspaces.signals import task_transitioned
from workspaces.task_events import TaskEvent, announce, event_of_move
from workspaces.task_status import ALLOWED_MOVES, FINAL, REPAIRS, TaskStatus

SYSTEM = "system"
ONE_LIVE_CHANGE = "one_live_plan_and_apply_a_workspace"


def transition(
    task: WorkspaceTask,
    to: TaskStatus,
    *,
    actor: str = SYSTEM,
    reason: str = "",
    **changes: Any,
) -> None:
    """Moves a task from the status it was read with to ``to``, by compare-and-set.

    ``changes`` are further fields of the task, written by the same UPDATE. One TaskTransition row goes
    into the same transaction, in which the subscribers of task events are told too; ``task_transitioned``
    is sent after commit.

    Raises:
        MoveNotAllowed: the state machine has no such move.
        StatusChanged: the status is no longer the one that was read, or another
            plan-and-apply of the workspace is live.
    """
    _move(task, to, ALLOWED_MOVES, actor=actor, reason=reason, changes=changes)


def repair(task: WorkspaceTask, to: TaskStatus, *, actor: str, reason: str, **changes: Any) -> None:
    """Like :func:`transition`, for the moves of :data:`~workspaces.task_status.REPAIRS` only.

    The one way out of a final status: the task has ended as it did by a fault of the platform's.
    """
    _move(task, to, REPAIRS, actor=actor, reason=reason, changes=changes)


def _move(
    task: WorkspaceTask,
    to: TaskStatus,
    moves: Mapping[str, frozenset[str]],
    *,
    actor: str,
    reason: str,
    changes: dict[str, Any],
) -> None:
    observed = task.status
    if to not in moves.get(observed, frozenset()):
        raise MoveNotAllowed(f"Task #{task.pk} is {observed} and cannot become {to}")
    changes |= _times(to)
    try:
        with transaction.atomic():
            _compare_and_set(task, observed, to, changes)
            _record(task, observed, to, actor, reason)
            if to in FINAL:
                RemoteDataToken.objects.filter(task=task).delete()
    except IntegrityError as error:
        if violated(error) != ONE_LIVE_CHANGE:
            raise
        raise StatusChanged(
            f"Task #{task.pk} cannot start: another plan-and-apply of the workspace is live"
        ) from error


def record_creation(task: WorkspaceTask, *, actor: str) -> None:
    """Writes the first line of a task's history; belongs into the transaction that creates it."""
    _record(task, "", task.status, actor, "")


def _times(to: TaskStatus) -> dict[str, Any]:
    times: dict[str, Any] = {"updated_at": Now()}
    if to == TaskStatus.RUNNING:
        times["started_at"] = Coalesce("started_at", Now())
    if to in FINAL:
        times["completed_at"] = Now()
    return times


def _compare_and_set(
    task: WorkspaceTask, observed: str, to: TaskStatus, changes: dict[str, Any]
) -> None:
    updated = WorkspaceTask.objects.filter(pk=task.pk, status=observed).update(status=to, **changes)
    if updated != 1:
        raise StatusChanged(f"Task #{task.pk} is no longer {observed}")
    task.refresh_from_db(fields=["status", *changes])


def _record(task: WorkspaceTask, from_status: str, to_status: str, actor: str, reason: str) -> None:
    written = TaskTransition.objects.create(
        task=task,
        from_status=from_status,
        to_status=to_status,
        stage=task.stage,
        actor=actor,
        reason=reason,
    )
    event = event_of_move(task, from_status, to_status)
    if event is not None:
        announce(TaskEvent(event, task, f"transition:{written.pk}", actor, reason))
    transaction.on_commit(
        partial(
            task_transitioned.send_robust,
            sender=WorkspaceTask,
            task_id=task.pk,
            workspace_id=task.workspace_id,
            from_status=from_status,
            to_status=to_status,
        )
    )
