"""RunTasks and their attachments: creating, changing, removing (reference §2.5, §2.6)."""

from typing import Any

from django.db.models import Count
from django.db.models.functions import Now

from iacplatform.accounts.levels import OrganizationRole
from iacplatform.accounts.models import User
from iacplatform.accounts.organizations import organization_for, require_role
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from iacplatform.common.outbound import OutboundRefused, check_url
from runtasks.models import RunTask, WorkspaceRunTask
from runtasks.services.verification import verify
from workspaces.models import Workspace

NAME_TAKEN = "another run task of the organization has this name"
ATTACHED = "the run task is attached to this stage of the workspace already"
# What the service is reached by: a change of these is tried before it is kept.
VERIFIED = frozenset({"endpoint_url", "hmac_key", "signature_format", "enabled"})


class StillAttached(Conflict):
    """Workspaces ask it; ``workspace_count`` says how many."""

    code = "in_use"


def create_run_task(
    *,
    user: User,
    organization: str | None = None,
    platform_wide: bool = False,
    verified: bool,
    **fields: Any,
) -> RunTask:
    """Creates a RunTask, after its service has accepted a test request unless ``verified`` is off.

    Raises:
        Forbidden: the user does not manage the RunTasks of its organization, or of all of them.
        InvalidInput: the user may not create it in that organization, or its address is never called.
        VerificationFailed: its service does not accept requests.
        Conflict: the name is taken.
    """
    owner = None if platform_wide else organization_for(user, organization)
    run_task = RunTask(organization=owner, created_by=user, **_stored(fields))
    check_administrator(run_task, user)
    _check_service(run_task, verified=verified and run_task.enabled)
    with taken("one_run_task_name_an_organization", "name", NAME_TAKEN):
        run_task.save()
    return run_task


def update_run_task(run_task: RunTask, *, user: User, verified: bool, **changes: Any) -> None:
    """Changes fields; results that are already there keep their copies.

    Raises as :func:`create_run_task`, and ``NotFound`` if the RunTask was deleted meanwhile.
    """
    check_administrator(run_task, user)
    changed = {
        name: new for name, new in _stored(changes).items() if getattr(run_task, name) != new
    }
    for name, value in changed.items():
        setattr(run_task, name, value)
    check_administrator(run_task, user)
    reached_anew = bool(VERIFIED & set(changed))
    _check_service(run_task, verified=verified and run_task.enabled and reached_anew)
    with taken("one_run_task_name_an_organization", "name", NAME_TAKEN):
        updated = RunTask.objects.filter(pk=run_task.pk).update(**changed, updated_at=Now())
    if not updated:
        raise NotFound("The run task was deleted")
    run_task.refresh_from_db(fields=["updated_at"])


def delete_run_task(run_task: RunTask, *, user: User) -> None:
    """Removes a RunTask; what it said about tasks stays.

    Raises:
        Forbidden: the user does not manage the RunTasks of its organization, or of all of them.
        StillAttached: a workspace has an attachment for it.
        Conflict: it is being asked.
    """
    check_administrator(run_task, user)
    count = run_task.attachments.aggregate(count=Count("workspace", distinct=True))["count"]
    if count:
        raise StillAttached(f"{count} workspaces ask this run task", workspace_count=count)
    if run_task.results.open().exists():
        raise Conflict("The run task is being asked; try again once it has answered")
    run_task.delete()


def attach(
    workspace: Workspace, run_task: RunTask, *, user: User, **fields: Any
) -> WorkspaceRunTask:
    """Attaches a RunTask to a stage of a workspace, which replaces its global configuration there.

    Raises:
        InvalidInput: it belongs to another organization.
        Conflict: it is attached to this stage already.
    """
    if run_task.organization_id not in {None, workspace.organization_id}:
        raise InvalidInput("run_task_id", "belongs to another organization")
    with taken("one_attachment_a_stage", "stage", ATTACHED):
        return WorkspaceRunTask.objects.create(
            workspace=workspace, run_task=run_task, created_by=user, **fields
        )


def update_attachment(attachment: WorkspaceRunTask, **changes: Any) -> None:
    """Changes an attachment; raises ``Conflict`` if the RunTask is attached to that stage already."""
    for name, value in changes.items():
        setattr(attachment, name, value)
    with taken("one_attachment_a_stage", "stage", ATTACHED):
        attachment.save(update_fields=[*changes, "updated_at"])


def detach(attachment: WorkspaceRunTask) -> None:
    """Removes an attachment; with the last one, the global configuration counts again."""
    attachment.delete()


def _stored(fields: dict[str, Any]) -> dict[str, Any]:
    """An empty key is no key."""
    return {
        name: (value or None) if name == "hmac_key" else value for name, value in fields.items()
    }


def check_administrator(run_task: RunTask, user: User) -> None:
    """Raises ``Forbidden`` unless the user manages the RunTasks of its organization, or of all of them."""
    require_role(user, run_task.organization_id, OrganizationRole.RUN_TASKS)


def _check_service(run_task: RunTask, *, verified: bool) -> None:
    try:
        check_url(run_task.endpoint_url)
    except OutboundRefused as error:
        raise InvalidInput("endpoint_url", str(error)) from error
    if verified:
        verify(run_task)
