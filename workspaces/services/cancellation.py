"""Cancelling a task: asked on its row, confirmed by whoever holds the work (design §5)."""

from django.db import transaction
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict
from workspaces.models import CommentAction, TaskStage, WorkspaceTask
from workspaces.services.comments import write_comment
from workspaces.services.locks import release_task_lock
from workspaces.task_status import Stage, StageStatus, TaskStatus
from workspaces.transitions import transition

IDLE = frozenset({StageStatus.READY, StageStatus.WAITING})


class NeedsForce(Conflict):
    """The engine is changing things right now; only ``force`` interrupts it."""

    code = "requires_force"


def cancel_task(task: WorkspaceTask, *, user: User, reason: str = "", force: bool = False) -> None:
    """Cancels a task: at once where nobody works on it, else as soon as its worker has stopped.

    A worker lets the engine stop gracefully and saves what an apply has changed.

    Raises:
        Conflict: the task has ended.
        NeedsForce: it is applying, and ``force`` was not given.
    """
    username = user.get_username()
    reason = reason.strip() or f"cancelled by {username}"
    with transaction.atomic():
        # The stage first: closing and claiming lock in this order too.
        stage = _open_stage(task)
        task = WorkspaceTask.objects.select_for_update(of=("self",)).get(pk=task.pk)
        _check(task, stage, force=force)
        write_comment(task, user, reason, CommentAction.CANCEL)
        WorkspaceTask.objects.filter(pk=task.pk, cancel_requested_at=None).update(
            cancel_requested_at=Now(), cancel_requested_by=username, cancel_reason=reason
        )
        task.refresh_from_db()
        _settle(task, stage)


def settle_cancellations() -> None:
    """Ends the tasks whose cancellation came between two stages; part of the sweep."""
    asked = WorkspaceTask.objects.filter(
        status=TaskStatus.RUNNING, cancel_requested_at__isnull=False, stages__status__in=IDLE
    )
    for task in asked:
        with transaction.atomic():
            stage = _open_stage(task)
            task.refresh_from_db()
            if not task.is_final:
                _settle(task, stage)


def _open_stage(task: WorkspaceTask) -> TaskStage | None:
    return TaskStage.objects.hot().filter(task=task).select_for_update(of=("self",)).first()


def _check(task: WorkspaceTask, stage: TaskStage | None, *, force: bool) -> None:
    if task.is_final:
        raise Conflict(f"Task #{task.pk} has ended as {task.status}")
    applying = stage is not None and stage.name == Stage.APPLYING and stage.status not in IDLE
    if applying and not force:
        raise NeedsForce(
            f"Task #{task.pk} is applying: to interrupt it, force the cancellation",
            requires_force=True,
        )


def _settle(task: WorkspaceTask, stage: TaskStage | None) -> None:
    """Ends the task if no worker has it; a state that waits to be saved is saved first."""
    if stage is not None:
        if stage.status not in IDLE or stage.name == Stage.SAVING_STATE:
            return
        TaskStage.objects.filter(pk=stage.pk).update(
            status=StageStatus.CANCELLED, message=task.cancel_reason, finished_at=Now()
        )
    elif task.status == TaskStatus.RUNNING:
        return  # its next stage has just been opened: the sweep comes back to it
    release_task_lock(task)
    transition(
        task,
        TaskStatus.CANCELLED,
        actor=task.cancel_requested_by,
        reason=task.cancel_reason,
        error_message=task.cancel_reason,
    )
