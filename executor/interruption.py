"""An apply whose worker died: never run again; its state is rescued and its task ends (design §3)."""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from executor.task_spec import limits_of
from workspaces.models import AppliedState, StateCheckpoint, StateSource, TaskStage, WorkspaceTask
from workspaces.services.applied_states import FOUND, interrupted_by
from workspaces.services.queue import open_stage
from workspaces.task_status import Stage


def open_rescue(task: WorkspaceTask, lost: TaskStage) -> TaskStage:
    """Opens the stage that looks for the state behind a lost ``applying``."""
    WorkspaceTask.objects.filter(pk=task.pk).update(stage=Stage.RESCUE)
    stage = open_stage(task, lost.phase, Stage.RESCUE, position=lost.position + 1)
    reserve_for_owner(stage, task)
    return stage


def reserve_for_owner(stage: TaskStage, task: WorkspaceTask) -> None:
    """Lets only the host that applied, which has the work directory, claim a rescue for a while."""
    TaskStage.objects.filter(pk=stage.pk).update(
        prefer_host=task.apply_owner,
        reserved_until=Now() + timedelta(seconds=settings.RESCUE_HOST_WAIT_SECONDS),
    )


def engine_outlived_its_time(task: WorkspaceTask) -> bool:
    """Whether the engine of a lost apply, for which its rescue waits, should have ended long ago."""
    longest = limits_of(task.workspace).apply
    if not longest:
        return False
    begun_before = Now() - timedelta(seconds=longest + settings.APPLY_GRACE_SECONDS)
    return task.stages.filter(name=Stage.APPLYING, started_at__lt=begun_before).exists()


def store_interrupted(
    task_id: int, token: int, content: bytes | None, source: StateSource, *, note: str = ""
) -> None:
    """Writes down how an interrupted apply ended and what is known of its state."""
    task = WorkspaceTask.objects.get(pk=task_id)
    AppliedState.objects.create(
        task_id=task_id,
        token=token,
        content=content,
        succeeded=False,
        cancelled=task.cancel_requested_at is not None,
        error=what_happened(task, source, note),
        source=source,
    )
    # What it was for is now in the applied state, or was overtaken by it.
    StateCheckpoint.objects.filter(task_id=task_id).delete()


def what_happened(task: WorkspaceTask, source: StateSource, note: str = "") -> str:
    """What the person reads who started a task whose worker was lost while it applied."""
    lost = interrupted_by(task.apply_owner, lost_worker=True)
    return (
        f"The apply was interrupted. {lost} {FOUND[source]} {note}"
        "The plan is not applied again: a new task shows what is left to do."
    )


def fall_back_to_checkpoint(task: WorkspaceTask, *, token: int, why: str) -> None:
    """Takes the state of the last checkpoint where no rescue could be brought to its end."""
    checkpoint = StateCheckpoint.objects.filter(task=task).first()
    content = checkpoint.content if checkpoint else None
    source = StateSource.CHECKPOINT if checkpoint else StateSource.NOTHING
    store_interrupted(task.pk, token, content, source, note=f"It could not be rescued: {why}. ")
