"""Checks in the states that tests start from, made as workers make them."""

from typing import Any

from iacplatform.accounts.models import User
from iacplatform.terraform.plan import DriftedResource
from tests.domain import a_workspace, finish_plan
from tests.factories import StateVersionFactory
from workspaces.drift.models import DriftCheck, DriftIgnoreRule, DriftSettings, DriftStatus
from workspaces.drift.services.checks import check_now
from workspaces.models import Workspace, WorkspaceTask
from workspaces.services.queue import start_next


def a_deployed_workspace(name: str = "shop", **fields: Any) -> Workspace:
    """A workspace with a state."""
    workspace = a_workspace(name, **fields)
    StateVersionFactory.create(workspace=workspace)
    return workspace


def drifted(address: str = "aws_eip.one", action: str = "update", **values: Any) -> DriftedResource:
    """An object that drifted; each value is ``(before, after)``."""
    differences = {path: {"before": old, "after": new} for path, (old, new) in values.items()}
    kind, _, name = address.rpartition(".")
    return DriftedResource(
        address=address,
        resource_type=kind.rpartition(".")[2],
        name=name,
        module_address="",
        mode="managed",
        action=action,  # type: ignore[arg-type]
        before={},
        after={},
        differences=differences or {"size": {"before": 1, "after": 2}},
    )


def a_running_check(workspace: Workspace, user: User | None = None) -> WorkspaceTask:
    """A check that somebody asked for, at its first stage."""
    task = check_now(workspace, user=user or User.objects.get_or_create(username="ada")[0])
    start_next(workspace.pk)
    task.refresh_from_db()
    return task


def a_finished_check(workspace: Workspace, *found: DriftedResource) -> DriftCheck:
    """A check that has found this."""
    task = a_running_check(workspace)
    finish_plan(task, drifted=found)
    return DriftCheck.objects.get(task=task)


def one_row_of_each(task: WorkspaceTask, user: User) -> None:
    """A row of each kind that drift has, of the task's workspace."""
    workspace = task.workspace
    check = DriftCheck.objects.create(workspace=workspace, task=task)
    DriftStatus.objects.create(workspace=workspace, last_check=check, result=check)
    DriftSettings.objects.create(workspace=workspace)
    DriftIgnoreRule.objects.create(
        workspace=workspace, address_pattern="*", reason="known", created_by=user
    )


def status_of(workspace: Workspace) -> DriftStatus:
    """What is known of a workspace."""
    return DriftStatus.objects.get(workspace=workspace)
