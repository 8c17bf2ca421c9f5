"""A workspace's own variables: every change is a new version, and what is sensitive stays so."""

from typing import Any

from iacplatform.accounts.models import User
from iacplatform.common.errors import NotFound
from workspaces.models import Workspace, WorkspaceVariable
from workspaces.services.editing import editing
from workspaces.services.variable_versions import VersionConflict, save_first, save_next

__all__ = ["VersionConflict", "create_variable", "delete_variable", "update_variable"]


def create_variable(workspace: Workspace, *, user: User, **content: Any) -> WorkspaceVariable:
    """Creates a variable from fields of ``variable_versions.CONTENT``.

    Raises ``WorkspaceLocked``, ``InvalidInput``, or ``Conflict`` for a key that is taken.
    """
    with editing(workspace) as current:
        return save_first(WorkspaceVariable(workspace=current, **content), user=user)


def update_variable(
    variable: WorkspaceVariable, *, user: User, version: int, **changes: Any
) -> WorkspaceVariable:
    """Writes the variable's next version and returns it.

    Raises ``WorkspaceLocked``, ``NotFound`` for one that was deleted meanwhile, and what
    :func:`save_next` raises.
    """
    with editing(variable.workspace) as workspace:
        current = _current(workspace, variable)
        return save_next(current, changes, version=version, user=user, owner="workspace")


def delete_variable(variable: WorkspaceVariable) -> None:
    """Takes a variable with all its versions out of the workspace (F18).

    The rows stay for the tasks whose snapshots name them. Raises ``WorkspaceLocked``.
    """
    with editing(variable.workspace) as workspace:
        workspace.variables.filter(variable_id=variable.variable_id).update(is_deleted=True)


def _current(workspace: Workspace, variable: WorkspaceVariable) -> WorkspaceVariable:
    current = workspace.variables.current().filter(variable_id=variable.variable_id).first()
    if current is None:
        raise NotFound("The variable was deleted")
    return current
