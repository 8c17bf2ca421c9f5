"""What variables of workspaces and of sets have in common: a change is a new version (reference §1.4)."""

from typing import Any, Literal, TypeVar

from iacplatform.accounts.models import User
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl import tfvars_line
from iacplatform.terraform.names import is_environment_name, is_variable_name
from workspaces.models import SetVariable, ValueFormat, Variable, VariableType, WorkspaceVariable

CONTENT = ("key", "value", "variable_type", "value_format", "sensitive", "description")
# The constraint by which a key is taken, and what it is then called.
TAKEN: dict[type[Variable], tuple[str, str]] = {
    WorkspaceVariable: ("one_variable_a_key", "another variable of the workspace has this key"),
    SetVariable: ("one_set_variable_a_key", "another variable of the set has this key"),
}

V = TypeVar("V", WorkspaceVariable, SetVariable)


class VersionConflict(Conflict):
    """Somebody changed it since the caller read it."""

    code = "version_conflict"


def save_first(variable: V, *, user: User) -> V:
    """Saves a new variable; raises ``InvalidInput``, or ``Conflict`` for a key that is taken."""
    variable.created_by = user
    _check(variable)
    _save(variable)
    return variable


def save_next(current: V, changes: dict[str, Any], *, version: int, user: User, owner: str) -> V:
    """Writes the version after ``current``, which its caller holds, for the same ``owner`` (a field).

    A sensitive variable keeps its value where ``value`` is absent or empty, for that is how it is
    shown.

    Raises:
        VersionConflict: ``version`` is not the current one.
        InvalidInput: the change is not acceptable; a sensitive variable stays sensitive.
        Conflict: the key is taken.
    """
    if current.version != version:
        raise VersionConflict(
            f"The variable is at version {current.version}", current_version=current.version
        )
    successor = type(current)(
        variable_id=current.variable_id,
        version=current.version + 1,
        created_by=user,
        **{owner: getattr(current, owner)},
        **_changed(current, changes),
    )
    _check(successor)
    type(current)._base_manager.filter(pk=current.pk).update(is_current=False)
    _save(successor)
    return successor


def _save(variable: Variable) -> None:
    constraint, message = TAKEN[type(variable)]
    with taken(constraint, "key", message):
        variable.save()


def _changed(current: Variable, changes: dict[str, Any]) -> dict[str, Any]:
    if current.sensitive and changes.get("sensitive") is False:
        raise InvalidInput("sensitive", "a sensitive variable cannot be made readable")
    if current.sensitive and not changes.get("value"):
        changes = {name: value for name, value in changes.items() if name != "value"}
    return {name: getattr(current, name) for name in CONTENT} | changes


def _check(variable: Variable) -> None:
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


def _check_environment(variable: Variable) -> None:
    if not is_environment_name(variable.key):
        raise InvalidInput("key", "is no name for an environment variable, or the platform sets it")
    if variable.value_format != ValueFormat.STRING:
        raise InvalidInput("value_format", "an environment variable is a string")


def _format(variable: Variable) -> Literal["string", "hcl"]:
    return "hcl" if variable.value_format == ValueFormat.HCL else "string"
