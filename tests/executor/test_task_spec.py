"""A task's snapshot resolved to values."""

from typing import Any

import pytest

from executor.core.accessor import TaskSpec
from executor.task_spec import build_task_spec
from tests.domain import a_task, a_workspace, claimed
from workspaces.models import (
    OutputsSharing,
    RemoteDataToken,
    Workspace,
    WorkspaceOutput,
    WorkspaceRemoteData,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.services.queue import start_next
from workspaces.services.remote_data import AccessDenied

pytestmark = pytest.mark.django_db


def spec_of(workspace: Workspace) -> TaskSpec:
    task = a_task(workspace)
    start_next(workspace.pk)
    return build_task_spec(claimed(WorkspaceTask.objects.get(pk=task.pk)))


def test_variables_are_sorted_by_their_kind() -> None:
    """F15: environment variables are no Terraform variables."""
    workspace = a_workspace()
    WorkspaceVariable.objects.create(workspace=workspace, key="region", value="eu")
    WorkspaceVariable.objects.create(
        workspace=workspace,
        key="TOKEN",
        value="s3cret",
        variable_type="environment",
        sensitive=True,
    )

    spec = spec_of(workspace)

    assert [variable.key for variable in spec.configuration.variables] == ["region"]
    assert spec.environment == {"TOKEN": "s3cret"}
    assert spec.sensitive_values == ("s3cret",)


def test_without_resources_the_workspaces_code_is_the_configuration() -> None:
    code: dict[str, Any] = {"resource": {"null_resource": {"one": {}}}}

    assert spec_of(a_workspace(tf_code=code)).configuration.bodies == (code,)


def test_outputs_and_remote_data_are_in_the_snapshot() -> None:
    """F16: a rebuild elsewhere writes them again."""
    source = a_workspace("network", outputs_sharing=OutputsSharing.ALL)
    workspace = a_workspace()
    WorkspaceOutput.objects.create(workspace=workspace, output_name="colour", output_value="red")
    WorkspaceRemoteData.objects.create(
        workspace=workspace, source_workspace=source, data_name="network"
    )

    configuration = spec_of(workspace).configuration

    assert [(output.module, output.name) for output in configuration.outputs] == [("", "colour")]
    (remote,) = configuration.remote_data
    assert remote.url.endswith(f"/workspaces/{source.workspace_id}/state-outputs/full")


def test_each_attempt_has_a_fresh_token_for_remote_data() -> None:
    """F17: an approval that took hours finds a token that still opens."""
    source = a_workspace("network", outputs_sharing=OutputsSharing.ALL)
    workspace = a_workspace()
    WorkspaceRemoteData.objects.create(
        workspace=workspace, source_workspace=source, data_name="network"
    )
    task = a_task(workspace)
    start_next(workspace.pk)
    claim = claimed(WorkspaceTask.objects.get(pk=task.pk))

    tokens = {build_task_spec(claim).configuration.remote_data[0].token for _ in range(2)}

    assert len(tokens) == 2
    assert RemoteDataToken.objects.usable().count() == 2
    assert not RemoteDataToken.objects.filter(digest__in=tokens).exists()


def test_outputs_that_are_not_shared_are_refused_by_name() -> None:
    source, workspace = a_workspace("network"), a_workspace()
    WorkspaceRemoteData.objects.create(
        workspace=workspace, source_workspace=source, data_name="network"
    )

    with pytest.raises(AccessDenied, match="network does not share"):
        spec_of(workspace)
