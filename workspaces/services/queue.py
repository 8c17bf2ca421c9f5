"""What may start, per workspace (design §3, reference §3.1)."""

from django.db import transaction

from workspaces.exceptions import StatusChanged
from workspaces.models import TaskStage, Workspace, WorkspaceTask
from workspaces.task_status import (
    HOLDS_WORKSPACE,
    STAGES_OF,
    Phase,
    StageStatus,
    TaskStatus,
    TaskType,
)
from workspaces.transitions import transition


def start_next(workspace_id: int) -> list[int]:
    """Starts every task of the workspace that may start now and returns their ids.

    Locked, or deleted: nothing. Else the oldest pending plan-and-apply if none is live, every pending plan and,
    where nothing is being changed or is about to be, every pending drift check (F43). Safe to call at any
    time, by any number of processes.
    """
    with transaction.atomic():
        found = Workspace.objects.select_for_update(of=("self",), no_key=True).filter(
            pk=workspace_id
        )
        workspace = found.first()
        if workspace is None or workspace.is_locked:
            return []
        return [task.pk for task in _startable(workspace) if _start(task)]


def _startable(workspace: Workspace) -> list[WorkspaceTask]:
    queued = list(workspace.tasks.queued())
    changes = [task for task in queued if task.task_type == TaskType.PLAN_AND_APPLY]
    held = workspace.tasks.filter(
        task_type=TaskType.PLAN_AND_APPLY, status__in=HOLDS_WORKSPACE
    ).exists()
    reads = [task for task in queued if task.task_type == TaskType.PLAN_ONLY]
    checks = [task for task in queued if task.task_type == TaskType.DRIFT_CHECK]
    return [*([] if held else changes[:1]), *reads, *([] if held or changes else checks)]


def _start(task: WorkspaceTask) -> bool:
    try:
        begin_phase(task, Phase.PLAN, actor="queue")
    except StatusChanged:
        return False
    return True


def begin_phase(
    task: WorkspaceTask, phase: Phase, *, actor: str, reason: str = "", **changes: object
) -> None:
    """Sets a task running at the first stage of a phase: status and stage row in one transaction."""
    first = STAGES_OF[phase][0]
    with transaction.atomic():
        transition(task, TaskStatus.RUNNING, actor=actor, reason=reason, stage=first, **changes)
        open_stage(task, phase, first, position=task.stages.count())


def open_stage(
    task: WorkspaceTask,
    phase: str,
    name: str,
    *,
    position: int,
    status: StageStatus = StageStatus.READY,
) -> TaskStage:
    """Writes the next link of a task's chain."""
    return TaskStage.objects.create(
        task=task,
        position=position,
        phase=phase,
        name=name,
        mode=task.execution_mode,
        status=status,
        prefer_host=task.last_host,
    )
