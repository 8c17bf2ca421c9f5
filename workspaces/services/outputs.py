"""Outputs that the platform writes, and remote data that it reads (reference §1.4, §2.5)."""

from typing import Any

from iacplatform.common.conflicts import taken
from iacplatform.common.errors import InvalidInput
from iacplatform.terraform.hcl import is_identifier
from workspaces.models import Workspace, WorkspaceOutput, WorkspaceRemoteData
from workspaces.models.output import STATIC_OUTPUT
from workspaces.services.editing import editing, read_again
from workspaces.services.remote_data import may_read_outputs

OUTPUT_TAKEN = "the resource has another output of this name"
DATA_TAKEN = "the workspace has other remote data of this name"


def hides_value(output: WorkspaceOutput) -> bool:
    """Whether the value is itself the secret; that of a module's output is only an expression."""
    return output.sensitive and output.is_static


def save_output(output: WorkspaceOutput, **fields: Any) -> None:
    """Creates an output or changes one.

    A sensitive literal keeps its value where the new one is empty, for that is how it is shown, and
    stays a sensitive literal. Raises ``WorkspaceLocked``, ``InvalidInput``, ``NotFound`` for one that
    was deleted, or ``Conflict`` for a name that is taken.
    """
    with editing(output.workspace) as workspace:
        read_again(output)
        hidden = output.pk is not None and hides_value(output)
        if hidden and fields.get("output_value") == "":
            del fields["output_value"]
        for name, value in fields.items():
            setattr(output, name, value)
        if hidden and not hides_value(output):
            raise InvalidInput("sensitive", "a sensitive literal cannot be made readable")
        _check_output(workspace, output)
        with taken("one_output_a_name", "output_name", OUTPUT_TAKEN):
            output.save()


def delete_output(output: WorkspaceOutput) -> None:
    """Removes an output; raises ``WorkspaceLocked``."""
    with editing(output.workspace):
        output.delete()


def save_remote_data(remote_data: WorkspaceRemoteData, **fields: Any) -> None:
    """Creates a definition of remote data or changes one.

    Raises ``WorkspaceLocked``, ``InvalidInput`` where the source shares nothing with this workspace,
    ``NotFound`` for one that was deleted, or ``Conflict`` for a name that is taken.
    """
    with editing(remote_data.workspace) as workspace:
        read_again(remote_data)
        for name, value in fields.items():
            setattr(remote_data, name, value)
        _check_remote_data(workspace, remote_data)
        with taken("one_remote_data_a_name", "data_name", DATA_TAKEN):
            remote_data.save()


def delete_remote_data(remote_data: WorkspaceRemoteData) -> None:
    """Removes a definition; raises ``WorkspaceLocked``."""
    with editing(remote_data.workspace):
        remote_data.delete()


def _check_output(workspace: Workspace, output: WorkspaceOutput) -> None:
    if not is_identifier(output.output_name):
        raise InvalidInput("output_name", "must be a Terraform identifier")
    if output.is_static:
        output.resource_name = STATIC_OUTPUT
        return
    if not workspace.resources.active().filter(resource_id=output.resource_name).exists():
        raise InvalidInput("resource_name", "the workspace has no such resource")
    if not output.output_value.strip():
        raise InvalidInput("output_value", "must be an expression such as ${module.name.value}")


def _check_remote_data(workspace: Workspace, remote_data: WorkspaceRemoteData) -> None:
    if not is_identifier(remote_data.data_name):
        raise InvalidInput("data_name", "must be a Terraform identifier")
    source = remote_data.source_workspace
    if source == workspace or not may_read_outputs(source, workspace):
        raise InvalidInput("source_workspace", "it does not share its outputs with this workspace")
