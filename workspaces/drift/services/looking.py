"""What a task has really looked at: only who has seen everything can say that nothing drifted."""

import re
from typing import Any, cast

from iacplatform.terraform.addresses import split_cli_args
from workspaces.drift.models import DriftCheck
from workspaces.models import (
    StateVersion,
    TaskPlan,
    TaskSnapshot,
    VariableType,
    WorkspaceTask,
)
from workspaces.services.snapshots import snapshot_variables
from workspaces.task_status import TaskStatus, TaskType

_PARTIAL = re.compile(
    r"--?(?:target|exclude)(?:=.*)?|--?refresh=(?:false|f|0)", re.IGNORECASE | re.DOTALL
)


def has_seen_everything(task: WorkspaceTask) -> bool:
    """Whether a plan compared the whole workspace with the world: no targets, refreshed."""
    if task.targets:
        return False
    return not any(_PARTIAL.fullmatch(argument) for argument in _cli_arguments(task))


def drifted_in(task: WorkspaceTask) -> list[dict[str, Any]] | None:
    """What the plan of a task found drifted; ``None`` where it was not kept."""
    found: Any = TaskPlan.objects.filter(task=task).values_list("drifted", flat=True).first()
    return cast("list[dict[str, Any]] | None", found)


def newest_state(workspace_id: int) -> StateVersion | None:
    """The newest state of a workspace, without its content."""
    versions = StateVersion.objects.without_content().filter(workspace_id=workspace_id)
    return versions.order_by("-version").first()


def was_overtaken(check: DriftCheck) -> bool:
    """Whether the workspace was changed while a check looked at it, or is being changed."""
    newest = newest_state(check.workspace_id)
    if (newest.version if newest else None) != check.state_version:
        return True
    return WorkspaceTask.objects.filter(
        workspace_id=check.workspace_id,
        task_type=TaskType.PLAN_AND_APPLY,
        status=TaskStatus.RUNNING,
        apply_confirmed_at__isnull=False,
    ).exists()


def _cli_arguments(task: WorkspaceTask) -> tuple[str, ...]:
    """What the workspace added to ``plan``, as of the task's snapshot."""
    snapshot = TaskSnapshot.objects.filter(task=task).only("variables").first()
    values = (
        row.value
        for row in (snapshot_variables(snapshot) if snapshot else [])
        if (row.key, row.variable_type) == ("TF_CLI_ARGS", VariableType.ENVIRONMENT)
    )
    return split_cli_args(next(values, ""))
