"""What the platform holds of an apply that has ended: its state, and what its task is owed by it."""

from django.db.models.functions import Now

from workspaces.models import AppliedState, ApplyStatus, StateSource, WorkspaceTask
from workspaces.services.locks import release_task_lock
from workspaces.services.resources import mark_applied
from workspaces.task_status import Stage, StageStatus, TaskStatus
from workspaces.transitions import repair, transition

FOUND = {
    StateSource.WORK_DIRECTORY: "The state was taken from its work directory and is whole.",
    StateSource.CHECKPOINT: (
        "The state is that of the last checkpoint, which is up to a second older than the end: "
        "what was made after it may be missing."
    ),
    StateSource.NOTHING: (
        "Neither its work directory nor a checkpoint has a state: what was made is in no state."
    ),
}
"""Of what state could be found behind an apply that was interrupted."""

DOUBTFUL = frozenset({StateSource.CHECKPOINT, StateSource.NOTHING})


def interrupted_by(host: str, *, lost_worker: bool) -> str:
    """What has interrupted an apply on ``host``: its worker died, or its state was not to be read."""
    if lost_worker:
        return f"Worker {host} was lost while it applied."
    return f"The state file that the engine left on {host} could not be read."


def lock_reason(applied: AppliedState) -> str:
    """Why a workspace stays locked behind an apply; empty where nobody has to look at its state."""
    if applied.source not in DOUBTFUL or applied.resolved_at is not None:
        return ""
    return (
        f"The apply of task #{applied.task_id} was interrupted and its state may not be whole. "
        f"{FOUND[StateSource(applied.source)]} Look at the task's interruption and resolve it."
    )


def is_unsaved(task: WorkspaceTask) -> bool:
    """Whether a task has failed because its state, which the platform holds, is in no version."""
    return (
        task.status == TaskStatus.FAILED
        and AppliedState.objects.filter(task=task, content__isnull=False).exists()
        and not task.stages.filter(name=Stage.SAVING_STATE, status=StageStatus.DONE).exists()
    )


def has_applied(task: WorkspaceTask) -> bool:
    """Whether a task's apply went through; while the task is live, its state is being saved."""
    return AppliedState.objects.filter(task=task, succeeded=True).exists()


def is_unresolved(task: WorkspaceTask) -> bool:
    """Whether a person still has to look at a task's interrupted apply."""
    return (
        task.is_final
        and AppliedState.objects.filter(
            task=task, source__in=DOUBTFUL, resolved_at__isnull=True
        ).exists()
    )


def finish_apply(task: WorkspaceTask) -> None:
    """Ends a task whose apply went through and whose state is a version; belongs into a transaction."""
    _settle(task)
    transition(task, TaskStatus.APPLIED, stage=Stage.APPLIED)


def repair_apply(task: WorkspaceTask, *, actor: str, reason: str) -> None:
    """The same for a task that had failed only because its state could not be saved."""
    _settle(task)
    repair(
        task,
        TaskStatus.APPLIED,
        actor=actor,
        reason=reason,
        stage=Stage.APPLIED,
        error_message="",
    )


def _settle(task: WorkspaceTask) -> None:
    task.resource_changes.exclude(apply_status=ApplyStatus.COMPLETED).update(
        apply_status=ApplyStatus.COMPLETED, apply_error="", apply_completed_at=Now()
    )
    mark_applied(task)
    release_task_lock(task)
