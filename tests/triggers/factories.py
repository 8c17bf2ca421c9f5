"""Workspaces that trigger each other, and tasks that have been applied."""

from itertools import pairwise
from typing import Any

from django.db import transaction

from executor.core.outcome import ApplyOutput, SavedStateOutput
from iacplatform.accounts.models import User
from tests.domain import a_task, a_workspace, finish_plan, finish_stage
from triggers.models import RunTrigger, TaskTriggerExecution
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.applied_states import finish_apply
from workspaces.services.queue import start_next
from workspaces.services.tasks import start_apply
from workspaces.task_status import TaskStatus
from workspaces.transitions import transition

STATE = b'{"version": 4, "serial": 1, "lineage": "x", "resources": []}'


def link(source: Workspace, target: Workspace, **fields: Any) -> RunTrigger:
    """A trigger, made without asking anybody."""
    return RunTrigger.objects.create(source=source, target=target, **fields)


def chain(*names: str, **fields: Any) -> list[Workspace]:
    """Workspaces, each of which triggers the next."""
    workspaces = [a_workspace(name, **fields) for name in names]
    for source, target in pairwise(workspaces):
        link(source, target)
    return workspaces


def applied_task(workspace: Workspace, user: User | None = None) -> WorkspaceTask:
    """A new task of the workspace whose apply has gone through; nobody else has got hold of it."""
    with transaction.atomic():
        return be_applied(a_task(workspace, user=user))


def be_applied(task: WorkspaceTask) -> WorkspaceTask:
    """Moves a pending task to its successful end, past all stages."""
    for status in (TaskStatus.RUNNING, TaskStatus.APPLY_PENDING, TaskStatus.RUNNING):
        transition(task, status)
    finish_apply(task)
    return task


def run_through(task: WorkspaceTask) -> WorkspaceTask:
    """Runs a pending task through every stage of plan and apply; a person confirms it if need be."""
    start_next(task.workspace_id)
    task.refresh_from_db()
    finish_plan(task, add=1, has_changes=True)
    if task.status == TaskStatus.APPLY_PENDING:
        start_apply(task, actor="ada")
    for outcome in ({}, {}, {}, {"output": ApplyOutput(STATE)}):
        finish_stage(task, **outcome)
    finish_stage(task, output=SavedStateOutput(version=1))
    return task


def only_execution() -> TaskTriggerExecution:
    """The one there is."""
    return TaskTriggerExecution.objects.get()


def triggered_tasks(workspace: Workspace) -> list[WorkspaceTask]:
    """The tasks of a workspace that triggers have made, oldest first."""
    return list(workspace.tasks.filter(triggered_by__isnull=False).distinct().order_by("pk"))
