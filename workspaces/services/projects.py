"""Projects: creating, changing and removing them, and moving workspaces between them."""

from typing import Any

from iacplatform.accounts.levels import Level, OrganizationRole
from iacplatform.accounts.models import User
from iacplatform.accounts.organizations import organization_for, require_role
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Forbidden, InvalidInput
from workspaces.models import Project, Workspace, access_of

NAME_TAKEN = "another project of the organization has this name"


def create_project(*, user: User, organization: str | None = None, **fields: Any) -> Project:
    """Creates a project; raises ``Forbidden``, ``InvalidInput``, or ``Conflict`` for a name that is taken."""
    owner = organization_for(user, organization)
    require_role(user, owner.pk, OrganizationRole.SETTINGS)
    with taken("one_project_name_an_organization", "name", NAME_TAKEN):
        return Project.objects.create(organization=owner, **fields)


def update_project(project: Project, **changes: Any) -> None:
    """Changes fields of a project; raises ``Conflict`` for a name that is taken."""
    for name, value in changes.items():
        setattr(project, name, value)
    with taken("one_project_name_an_organization", "name", NAME_TAKEN):
        project.save(update_fields=[*changes, "updated_at"])


def move_workspace(workspace: Workspace, project: Project | None, *, user: User) -> None:
    """Puts a workspace into a project, or into none: whoever may do something there may do it in this one.

    Raises ``InvalidInput`` for a project of another organization, and ``Forbidden`` for a user who may not
    change workspaces there.
    """
    if project is not None and project.organization_id != workspace.organization_id:
        raise InvalidInput("project_id", "the organization has no such project")
    key = None if project is None else project.pk
    there = access_of(user).level_in(
        organization=workspace.organization_id, project=key, workspace=None
    )
    if there < Level.WRITE:
        raise Forbidden("You need the level write where the workspace would go")
    workspace.project = project
    workspace.save(update_fields=["project", "updated_at"])
