"""Cancelling a task: asked on its row, confirmed by whoever holds the work (design §5)."""

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from redis import RedisError

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict
from workspaces import cancel_signal
from workspaces.gates import configured_gates
from workspaces.models import CommentAction, TaskStage, WorkspaceTask
from workspaces.services.applied_states import has_applied
from workspaces.services.comments import write_comment
from workspaces.services.locks import release_task_lock
from workspaces.task_status import Stage, StageStatus, TaskStatus, TaskType
from workspaces.transitions import transition

IDLE = frozenset({StageStatus.READY, StageStatus.WAITING})
SAVES_STATE = frozenset({Stage.RESCUE, Stage.SAVING_STATE})
logger = structlog.get_logger(__name__)


class NeedsForce(Conflict):
    """The engine is changing things right now; only ``force`` interrupts it."""

    code = "requires_force"


def cancel_task(task: WorkspaceTask, *, user: User, reason: str = "", force: bool = False) -> None:
    """Cancels a task: at once where nobody works on it, else as soon as its worker has stopped.

    A worker lets the engine stop gracefully and saves what an apply has changed. Asked again with
    ``force``, the engine gets less time.

    Raises:
        Conflict: the task has ended, or it has applied and only its state is still to be saved.
        NeedsForce: it is applying, and ``force`` was not given.
    """
    username = user.get_username()
    reason = reason.strip() or f"cancelled by {username}"
    with transaction.atomic():
        stage = _lock(task)
        _check(task, stage, force=force)
        write_comment(task, user, reason, CommentAction.CANCEL)
        request_cancellation(task, by=username, reason=reason, force=force)
        if not _settle(task, stage):
            # No partial: Django asks a robust hook that fails for its name.
            transaction.on_commit(lambda: _follow_up(task, reason, force=force), robust=True)


def cancel_previous(task: WorkspaceTask, *, user: User) -> int:
    """Cancels what keeps a pending task from starting: earlier changes that are pending or wait for approval.

    Returns how many were cancelled. Each gives back only a lock of its own (F11).
    Raises :class:`Conflict` if ``task`` is not pending, or changes nothing and so waits for no other.
    """
    if task.task_type != TaskType.PLAN_AND_APPLY:
        raise Conflict(f"Task #{task.pk} is a {task.task_type}: no earlier task keeps it waiting")
    username = user.get_username()
    reason = f"cancelled by {username} in favour of task #{task.pk}"
    with transaction.atomic():
        *earlier, chosen = _lock_up_to(task)
        if chosen.status != TaskStatus.PENDING:
            raise Conflict(f"Task #{task.pk} is {chosen.status} and not pending")
        for previous in earlier:
            write_comment(previous, user, reason, CommentAction.CANCEL_PREVIOUS)
            request_cancellation(previous, by=username, reason=reason)
            end_as_cancelled(previous)
    return len(earlier)


def _lock_up_to(task: WorkspaceTask) -> list[WorkspaceTask]:
    """Locks a change and, in the one order for all, those before it that nobody works on; it is the last."""
    idle = Q(
        workspace_id=task.workspace_id,
        pk__lt=task.pk,
        task_type=TaskType.PLAN_AND_APPLY,
        status__in=[TaskStatus.PENDING, TaskStatus.APPLY_PENDING],
    )
    rows = WorkspaceTask.objects.filter(idle | Q(pk=task.pk)).order_by("pk")
    return list(rows.select_for_update(of=("self",), no_key=True))


def settle_cancellations() -> None:
    """Ends the tasks whose cancellation came between two stages; part of the sweep."""
    between = TaskStage.objects.filter(
        status__in=IDLE,
        task__status=TaskStatus.RUNNING,
        task__cancel_requested_at__isnull=False,
    )
    for stage in between.exclude(name__in=SAVES_STATE).select_related("task"):
        try:
            settle_cancellation(stage.task)
        except Exception:  # a gate's, perhaps: the other tasks do not wait for it
            logger.exception("cancellation_not_settled", task_id=stage.task_id)


def settle_cancellation(task: WorkspaceTask) -> None:
    """Ends a task whose cancellation was asked for, if nobody works on it."""
    with transaction.atomic():
        stage = _lock(task)
        if not task.is_final and task.cancel_requested_at is not None:
            _settle(task, stage)


def request_cancellation(task: WorkspaceTask, *, by: str, reason: str, force: bool = False) -> None:
    """Writes the request on the task's row: the first with its reason stays, ``force`` may come later."""
    row = WorkspaceTask.objects.filter(pk=task.pk)
    row.filter(cancel_requested_at=None).update(
        cancel_requested_at=Now(), cancel_requested_by=by, cancel_reason=reason
    )
    if force:
        row.update(cancel_force=True)
    task.refresh_from_db()


def end_as_cancelled(task: WorkspaceTask) -> None:
    """Ends a task that nobody works on and gives its lock back.

    Raises :class:`~workspaces.exceptions.StatusChanged` where somebody was faster.
    """
    transition(
        task,
        TaskStatus.CANCELLED,
        actor=task.cancel_requested_by,
        reason=task.cancel_reason,
        error_message=task.cancel_reason,
    )
    release_task_lock(task)


def _lock(task: WorkspaceTask) -> TaskStage | None:
    """Locks the task and its open stage, in the order in which closing and claiming do."""
    open_stages = TaskStage.objects.hot().filter(task=task)
    stage = open_stages.select_for_update(of=("self",), no_key=True).first()
    task.refresh_from_db(
        from_queryset=WorkspaceTask.objects.select_for_update(of=("self",), no_key=True)
    )
    return stage


def _check(task: WorkspaceTask, stage: TaskStage | None, *, force: bool) -> None:
    if task.is_final:
        raise Conflict(f"Task #{task.pk} has ended as {task.status}")
    if has_applied(task):
        raise Conflict(f"Task #{task.pk} has applied; its state is being saved")
    applying = stage is not None and stage.name == Stage.APPLYING and stage.status not in IDLE
    if applying and not force:
        raise NeedsForce(
            f"Task #{task.pk} is applying: to interrupt it, force the cancellation",
            requires_force=True,
        )


def _settle(task: WorkspaceTask, stage: TaskStage | None) -> bool:
    """Ends the task if no worker has it; a state that waits to be saved is saved first."""
    if stage is None and task.status == TaskStatus.RUNNING:
        return False  # its next stage is being opened
    if stage is not None and (stage.status not in IDLE or stage.name in SAVES_STATE):
        return False
    if stage is not None:
        _close(stage, task.cancel_reason)
    end_as_cancelled(task)
    return True


def _close(stage: TaskStage, reason: str) -> None:
    if stage.status == StageStatus.WAITING:
        for gate in configured_gates():
            gate.abandon(stage, reason)
    TaskStage.objects.filter(pk=stage.pk).update(
        status=StageStatus.CANCELLED, message=reason, finished_at=Now()
    )


def _follow_up(task: WorkspaceTask, reason: str, *, force: bool) -> None:
    """Ends a task whose stage was closed meanwhile and the next not begun, else tells its worker.

    Without Redis the worker finds the request in the task's row, a little later (K15).
    """
    settle_cancellation(task)
    if task.is_final:
        return
    try:
        cancel_signal.announce(task.pk, reason, force=force)
    except RedisError as error:
        logger.warning("cancel_key_not_written", task_id=task.pk, error=str(error))
