"""Variable sets: creating, changing, deleting, and where they apply.

None of this is refused while a workspace is locked: a set belongs to many workspaces, and each task
keeps to the versions that its snapshot names.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from iacplatform.accounts.levels import OrganizationRole
from iacplatform.accounts.models import User
from iacplatform.accounts.organizations import organization_for, require_role
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import InvalidInput, NotFound
from workspaces.models import Project, SetVariable, VariableSet, Workspace
from workspaces.services.variable_versions import save_first, save_next

NAME_TAKEN = "another variable set of the organization has this name"


@contextmanager
def editing_set(variable_set: VariableSet) -> Iterator[VariableSet]:
    """Opens a transaction that holds the set's row, and yields the row as it is now.

    Raises ``NotFound`` for a set that was deleted meanwhile.
    """
    with transaction.atomic():
        rows = VariableSet.objects.kept().select_for_update(of=("self",), no_key=True)
        current = rows.select_related("organization", "created_by").filter(pk=variable_set.pk)
        if (found := current.first()) is None:
            raise NotFound("The variable set was deleted")
        yield found


def create_variable_set(
    *, user: User, organization: str | None = None, **fields: Any
) -> VariableSet:
    """Creates an empty set; raises ``Forbidden``, ``InvalidInput``, or ``Conflict`` for a name that is taken."""
    owner = organization_for(user, organization)
    require_role(user, owner.pk, OrganizationRole.SETTINGS)
    with taken("one_variable_set_name_an_organization", "name", NAME_TAKEN):
        return VariableSet.objects.create(organization=owner, created_by=user, **fields)


def update_variable_set(variable_set: VariableSet, **changes: Any) -> VariableSet:
    """Changes fields of a set; raises ``NotFound``, or ``Conflict`` for a name that is taken."""
    with editing_set(variable_set) as current:
        for name, value in changes.items():
            setattr(current, name, value)
        with taken("one_variable_set_name_an_organization", "name", NAME_TAKEN):
            current.save(update_fields=[*changes, "updated_at"])
    return current


def delete_variable_set(variable_set: VariableSet) -> None:
    """Takes a set out of every workspace; its rows stay for the tasks whose snapshots name them."""
    with editing_set(variable_set) as current:
        current.is_deleted = True
        current.save(update_fields=["is_deleted", "updated_at"])


def assign_projects(variable_set: VariableSet, references: Sequence[str]) -> None:
    """Says to which projects a set of scope ``projects`` applies, in place of those so far.

    Raises ``InvalidInput`` naming ``project_ids`` for one that the organization does not have.
    """
    with editing_set(variable_set) as current:
        projects = Project.objects.filter(organization_id=current.organization_id)
        found = projects.filter(project_id__in=references)
        _check_found("project_ids", "project", references, {each.project_id for each in found})
        current.projects.set(found)


def assign_workspaces(variable_set: VariableSet, references: Sequence[str], *, user: User) -> None:
    """Says to which workspaces a set of scope ``workspaces`` applies, in place of those so far.

    Those that the user does not see stay. Raises ``InvalidInput`` naming ``workspace_ids`` for one
    that the organization does not have or the user does not see.
    """
    with editing_set(variable_set) as current:
        seen = Workspace.objects.visible_to(user).filter(organization=current.organization_id)
        found = seen.filter(workspace_id__in=references)
        names = {each.workspace_id for each in found}
        _check_found("workspace_ids", "workspace", references, names)
        unseen = current.workspaces.exclude(pk__in=seen.values("pk"))
        current.workspaces.set([*found, *unseen])


def _check_found(field: str, noun: str, references: Sequence[str], found: set[str]) -> None:
    if missing := sorted(set(references) - found):
        raise InvalidInput(field, f"the organization has no {noun} {missing[0]}")


def create_set_variable(variable_set: VariableSet, *, user: User, **content: Any) -> SetVariable:
    """Adds a variable to a set.

    Raises ``NotFound``, ``InvalidInput``, or ``Conflict`` for a key that is taken.
    """
    with editing_set(variable_set) as current:
        return save_first(SetVariable(variable_set=current, **content), user=user)


def update_set_variable(
    variable: SetVariable, *, user: User, version: int, **changes: Any
) -> SetVariable:
    """Writes the variable's next version and returns it.

    Raises ``NotFound`` for what was deleted meanwhile, and what :func:`save_next` raises.
    """
    with editing_set(variable.variable_set) as current:
        rows = current.variables.current().filter(variable_id=variable.variable_id)
        if (newest := rows.first()) is None:
            raise NotFound("The variable was deleted")
        return save_next(newest, changes, version=version, user=user, owner="variable_set")


def delete_set_variable(variable: SetVariable) -> None:
    """Takes a variable with all its versions out of its set (F18); the rows stay for the tasks."""
    with editing_set(variable.variable_set) as current:
        current.variables.filter(variable_id=variable.variable_id).update(is_deleted=True)
