"""How a task reaches a gate and leaves it; what is asked there is the gate's own affair."""

from django.db.models.functions import Now

from workspaces.gates import gates_for
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.services.queue import open_stage
from workspaces.task_status import StageStatus


def enter_gate(task: WorkspaceTask, phase: str, name: str, *, position: int) -> TaskStage | None:
    """The gate's row, waiting or done; ``None`` if nothing has a say here.

    Belongs into the transaction that brings the task here.
    """
    gates = gates_for(task, name)
    if not gates:
        return None
    WorkspaceTask.objects.filter(pk=task.pk).update(stage=name)
    task.stage = name
    stage = open_stage(task, phase, name, position=position, status=StageStatus.WAITING)
    answers = [gate.enter(stage) for gate in gates]
    if "wait" not in answers:
        close_gate(stage)
        stage.status = StageStatus.DONE
    return stage


def close_gate(stage: TaskStage, status: StageStatus = StageStatus.DONE, message: str = "") -> bool:
    """Ends the waiting at a gate; False if nobody waits there any more."""
    said = {"message": message} if message else {}
    waiting = TaskStage.objects.filter(pk=stage.pk, status=StageStatus.WAITING)
    return bool(waiting.update(status=status, finished_at=Now(), **said))
