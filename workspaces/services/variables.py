"""Variables: every change is a new version, and what is sensitive stays so (reference §1.4)."""

from typing import Any, Literal

from iacplatform.accounts.models import User
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl import tfvars_line
from iacplatform.terraform.names import is_environment_name, is_variable_name
from workspaces.models import ValueFormat, VariableType, Workspace, WorkspaceVariable
from workspaces.services.editing import editing

KEY_TAKEN = "another variable of the workspace has this key"
CONTENT = ("key", "value", "variable_type", "value_format", "sensitive", "description")


class VersionConflict(Conflict):
    """Somebody changed it since the caller read it."""

    code = "version_conflict"


def create_variable(workspace: Workspace, *, user: User, **content: Any) -> WorkspaceVariable:
    """Creates a variable from fields of :data:`CONTENT`.

    Raises ``WorkspaceLocked``, ``InvalidInput``, or ``Conflict`` for a key that is taken.
    """
    with editing(workspace) as current:
        variable = WorkspaceVariable(workspace=current, created_by=user, **content)
        _check(variable)
        with taken("one_variable_a_key", "key", KEY_TAKEN):
            variable.save()
    return variable


def update_variable(
    variable: WorkspaceVariable, *, user: User, version: int, **changes: Any
) -> WorkspaceVariable:
    """Writes the variable's next version and returns it.

    A sensitive variable keeps its value where ``value`` is absent or empty, for that is how it is
    shown.

    Raises:
        WorkspaceLocked: the workspace is locked.
        VersionConflict: ``version`` is not the current one.
        InvalidInput: the change is not acceptable; a sensitive variable stays sensitive.
        Conflict: the key is taken.
    """
    with editing(variable.workspace) as workspace:
        current = _current(workspace, variable)
        if current.version != version:
            raise VersionConflict(
                f"The variable is at version {current.version}", current_version=current.version
            )
        successor = _successor(current, changes)
        successor.created_by = user
        workspace.variables.filter(pk=current.pk).update(is_current=False)
        with taken("one_variable_a_key", "key", KEY_TAKEN):
            successor.save()
    return successor


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


def _successor(current: WorkspaceVariable, changes: dict[str, Any]) -> WorkspaceVariable:
    if current.sensitive and changes.get("sensitive") is False:
        raise InvalidInput("sensitive", "a sensitive variable cannot be made readable")
    if current.sensitive and not changes.get("value"):
        changes = {name: value for name, value in changes.items() if name != "value"}
    content = {name: getattr(current, name) for name in CONTENT} | changes
    successor = WorkspaceVariable(
        workspace=current.workspace,
        variable_id=current.variable_id,
        version=current.version + 1,
        **content,
    )
    _check(successor)
    return successor


def _check(variable: WorkspaceVariable) -> None:
    """Refuses what a task could not be run with."""
    if variable.variable_type == VariableType.ENVIRONMENT:
        _check_environment(variable)
        return
    if not is_variable_name(variable.key):
        raise InvalidInput("key", "must be a Terraform identifier that is not a reserved word")
    try:
        tfvars_line(variable.key, variable.value, _format(variable))
    except ConfigurationError as error:
        raise InvalidInput("value", str(error)) from error


def _check_environment(variable: WorkspaceVariable) -> None:
    if not is_environment_name(variable.key):
        raise InvalidInput("key", "is no name for an environment variable, or the platform sets it")
    if variable.value_format != ValueFormat.STRING:
        raise InvalidInput("value_format", "an environment variable is a string")


def _format(variable: WorkspaceVariable) -> Literal["string", "hcl"]:
    return "hcl" if variable.value_format == ValueFormat.HCL else "string"
