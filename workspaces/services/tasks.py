"""Tasks: creating and confirming them."""

from django.db import transaction
from django.db.models.functions import Now

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, Forbidden, InvalidInput
from workspaces.exceptions import StatusChanged
from workspaces.models import (
    CommentAction,
    ConfigurationSource,
    Workspace,
    WorkspaceTask,
)
from workspaces.services.comments import write_comment
from workspaces.services.editing import editing
from workspaces.services.engine_versions import engine_for
from workspaces.services.queue import begin_phase
from workspaces.services.snapshots import take_snapshot, validate_snapshot
from workspaces.task_status import Phase, TaskStatus, TaskType
from workspaces.transitions import SYSTEM, record_creation


def create_task(
    workspace: Workspace,
    *,
    user: User | None,
    task_type: TaskType,
    description: str = "",
    targets: list[str] | None = None,
    may_apply: bool = True,
) -> WorkspaceTask:
    """Creates a pending task with its snapshot; the queue is asked after commit.

    Who may only plan says so with ``may_apply``: where nobody is asked for approval, they start no change.

    Raises:
        Forbidden: it would be applied without approval, and who asks may not apply.
        WorkspaceLocked: the workspace is locked.
        NotFound: the workspace was deleted meanwhile.
        InvalidInput: there is nothing to plan with: no engine, or no archive was uploaded.
    """
    with editing(workspace) as current:
        if task_type == TaskType.PLAN_AND_APPLY and current.auto_apply and not may_apply:
            raise Forbidden("Nobody approves applies here: you need the level write to start one")
        _check_has_configuration(current)
        task = WorkspaceTask.objects.create(
            workspace=current,
            task_type=task_type,
            description=description,
            execution_mode=current.execution_mode,
            auto_apply=current.auto_apply,
            is_background=task_type == TaskType.DRIFT_CHECK and user is None,
            targets=targets or [],
            created_by=user,
        )
        take_snapshot(task, engine_for(current))
        record_creation(task, actor=user.get_username() if user else SYSTEM)
    return task


def _check_has_configuration(workspace: Workspace) -> None:
    if workspace.configuration_source != ConfigurationSource.ARCHIVE:
        return
    if not workspace.configuration_versions.exists():
        raise InvalidInput("configuration_source", "no archive was uploaded yet")


def confirm_apply(task: WorkspaceTask, *, user: User, description: str = "") -> None:
    """Approves a planned change: the apply phase starts from the task's snapshot.

    Of two people who confirm at once, one succeeds (M7).

    Raises:
        Conflict: the task does not wait for approval.
        SnapshotInvalid: it cannot be applied any more.
    """
    if task.status != TaskStatus.APPLY_PENDING:
        raise Conflict(f"Task #{task.pk} is {task.status} and does not wait for approval")
    validate_snapshot(task)
    with transaction.atomic():
        start_apply(task, actor=user.get_username(), description=description)
        comment = description or "Confirmed the apply"
        write_comment(task, user, comment, CommentAction.CONFIRM_APPLY)


def start_apply(task: WorkspaceTask, *, actor: str, description: str = "") -> None:
    """Sets a task that waits for approval running in its apply phase."""
    if not Workspace.objects.filter(pk=task.workspace_id, lock_task=task).exists():
        raise StatusChanged(f"Task #{task.pk} no longer holds the workspace's lock")
    begin_phase(
        task,
        Phase.APPLY,
        actor=actor,
        reason=description,
        apply_confirmed_by=actor,
        apply_confirmed_at=Now(),
        apply_description=description,
    )
