"""Which RunTasks are asked about a task at a stage (reference §6.1.1)."""

from dataclasses import dataclass

from runtasks.models import RunTask, RunTaskStage, WorkspaceRunTask
from workspaces.models import Workspace


@dataclass(frozen=True)
class Applicable:
    """A RunTask that is asked, and on whose terms: its attachment's, or (``None``) its global ones."""

    run_task: RunTask
    attachment: WorkspaceRunTask | None
    enforcement_level: str
    priority: int


def applicable_run_tasks(workspace: Workspace, stage: RunTaskStage) -> list[Applicable]:
    """The RunTasks that are asked about the workspace's tasks at exactly this stage, first ones first."""
    found = [*_attached(workspace, stage), *_global(workspace, stage)]
    return sorted(found, key=lambda each: (each.priority, each.run_task.pk))


def global_run_tasks(workspace: Workspace) -> "list[RunTask]":
    """Enabled global RunTasks that the workspace has no attachment for, not even a disabled one (F38)."""
    rows = RunTask.objects.usable_by(workspace).filter(is_global=True, enabled=True)
    return list(rows.exclude(attachments__workspace=workspace).select_related("organization"))


def _attached(workspace: Workspace, stage: RunTaskStage) -> list[Applicable]:
    rows = workspace.run_tasks.filter(stage=stage, enabled=True, run_task__enabled=True)
    return [
        Applicable(row.run_task, row, row.enforcement_level, row.priority)
        for row in rows.select_related("run_task")
    ]


def _global(workspace: Workspace, stage: RunTaskStage) -> list[Applicable]:
    return [
        Applicable(each, None, each.global_enforcement_level, each.global_priority)
        for each in global_run_tasks(workspace)
        if stage in each.global_stages
    ]
