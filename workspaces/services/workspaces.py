"""Workspaces: creating, changing, deleting, and who may read their outputs."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import User
from iacplatform.accounts.organizations import organization_for
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Forbidden, InvalidInput
from workspaces.exceptions import WorkspaceInUse
from workspaces.models import (
    AccessGrant,
    ConfigurationSource,
    OutputsSharing,
    Workspace,
    access_of,
)
from workspaces.services.editing import editing
from workspaces.task_status import ExecutionMode

# What tasks are planned from; nobody changes it under a lock.
CONFIGURATION = frozenset({"configuration_source", "engine_version", "provider_config", "tf_code"})
AVAILABLE_MODES = frozenset({ExecutionMode.LOCAL})
# What a workspace may have a shorter limit of than the platform; 0 is no limit there (seconds).
PLATFORM_LIMITS = {
    "plan_timeout_seconds": "PLAN_TIMEOUT_SECONDS",
    "apply_timeout_seconds": "APPLY_TIMEOUT_SECONDS",
    "silence_timeout_seconds": "SILENCE_TIMEOUT_SECONDS",
}
NAME_TAKEN = "another workspace of the organization has this name"


def create_workspace(
    *,
    user: User,
    organization: str | None = None,
    project_id: str | None = None,
    **fields: Any,
) -> Workspace:
    """Creates a workspace, of which its creator is an administrator.

    Raises ``Forbidden``, ``InvalidInput``, or ``Conflict`` for a name that is taken.
    """
    _check_mode(fields)
    _check_limits(fields)
    owner = organization_for(user, organization)
    project = owner.projects.filter(project_id=project_id).first()
    if project_id is not None and project is None:
        raise InvalidInput("project_id", "the organization has no such project")
    key = None if project is None else project.pk
    if access_of(user).level_in(organization=owner.pk, project=key, workspace=None) < Level.WRITE:
        raise Forbidden("You need the level write in the organization or the project")
    with (
        transaction.atomic(),
        taken("one_workspace_name_an_organization", "name", NAME_TAKEN),
    ):
        workspace = Workspace.objects.create(
            organization=owner, project=project, created_by=user, **fields
        )
        # Who made it may also remove it, whatever level they have in general.
        AccessGrant.objects.create(
            user=user, workspace=workspace, level=Level.ADMIN, created_by=user
        )
    return workspace


def update_workspace(workspace: Workspace, **changes: Any) -> None:
    """Changes fields of a workspace, all or none.

    Raises:
        WorkspaceLocked: it is locked and a field of :data:`CONFIGURATION` would change.
        InvalidInput: its configuration would come from an archive that is not there, or no worker
            runs its execution mode, or a time limit is longer than the platform's.
        Conflict: the name is taken.
    """
    _check_mode(changes)
    _check_limits(changes)
    if changes.get("configuration_source") == ConfigurationSource.ARCHIVE:
        _check_has_archive(workspace)
    changed = {name: new for name, new in changes.items() if getattr(workspace, name) != new}
    if CONFIGURATION.isdisjoint(changed):
        _save(workspace, changed)
        return
    with editing(workspace):
        _save(workspace, changed)


def _check_mode(fields: dict[str, Any]) -> None:
    mode = fields.get("execution_mode", ExecutionMode.LOCAL)
    if mode not in AVAILABLE_MODES:
        raise InvalidInput("execution_mode", f"{mode} is not available yet: no worker runs it")


def _check_limits(fields: dict[str, Any]) -> None:
    for field, name in PLATFORM_LIMITS.items():
        wanted, allowed = fields.get(field), getattr(settings, name)
        if wanted is not None and allowed and wanted > allowed:
            raise InvalidInput(field, f"is longer than the platform's limit of {allowed} seconds")


def _check_has_archive(workspace: Workspace) -> None:
    if not workspace.configuration_versions.exists():
        raise InvalidInput("configuration_source", "no archive was uploaded yet")


def _save(workspace: Workspace, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(workspace, name, value)
    with taken("one_workspace_name_an_organization", "name", NAME_TAKEN):
        workspace.save(update_fields=[*changes, "updated_at"])


def delete_workspace(workspace: Workspace, *, force: bool = False) -> None:
    """Removes a workspace with its history and its states; what it has made out there stays.

    Raises:
        WorkspaceLocked: it is locked.
        WorkspaceInUse: a task has not ended, or, unless ``force``, it has active resources or its newest state
            has managed ones.
        ProtectedError: another workspace reads its outputs.
    """
    with editing(workspace) as current:
        _check_no_live_tasks(current)
        if not force:
            _check_holds_nothing(current)
        current.delete()


def _check_no_live_tasks(workspace: Workspace) -> None:
    if count := workspace.tasks.live().count():
        raise WorkspaceInUse(
            f"The workspace has {counted(count, 'task')} that did not end yet; cancel first",
            live_tasks=count,
        )


def _check_holds_nothing(workspace: Workspace) -> None:
    resources = workspace.resources.filter(is_active=True).count()
    newest = workspace.state_versions.without_content().first()
    managed = newest.resource_count if newest else 0
    if not resources and not managed:
        return
    raise WorkspaceInUse(
        f"The workspace has {counted(resources, 'resource')} in its configuration and"
        f" {counted(managed, 'resource')} in its state, which nobody would manage any more;"
        " destroy them first, or delete with force",
        active_resources=resources,
        managed_resources=managed,
        requires_force=True,
    )


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as ``1 task`` or ``2 tasks``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def share_outputs(workspace: Workspace, *, mode: str, allowed: Sequence[Workspace]) -> None:
    """Says who may read the outputs; ``allowed`` counts where ``mode`` is ``specific``.

    Raises ``InvalidInput`` for a workspace of another organization, or for itself.
    """
    for other in allowed:
        if other.organization_id != workspace.organization_id or other == workspace:
            raise InvalidInput(
                "allowed_workspace_ids", f"{other.workspace_id} cannot be named here"
            )
    with transaction.atomic():
        workspace.outputs_sharing = OutputsSharing(mode)
        workspace.save(update_fields=["outputs_sharing", "updated_at"])
        workspace.outputs_allowed.set(allowed)
