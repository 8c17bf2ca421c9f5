"""A task's snapshot resolved to values."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from executor.core.accessor import TaskSpec
from executor.task_spec import build_task_spec
from iacplatform.terraform.configuration import render
from iacplatform.terraform.exceptions import ConfigurationError
from tests.domain import a_task, a_workspace, claimed
from tests.factories import OutputFactory, ResourceFactory, SetVariableFactory, UserFactory
from workspaces.models import (
    ConfigurationVersion,
    OutputsSharing,
    RemoteDataToken,
    Workspace,
    WorkspaceOutput,
    WorkspaceRemoteData,
    WorkspaceTask,
    WorkspaceVariable,
)
from workspaces.services.queue import start_next
from workspaces.services.variables import create_variable, delete_variable, update_variable

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


def test_a_deleted_variable_is_in_no_tfvars() -> None:
    """F18: gone from the file too, with all its versions, and its successor has the key."""
    workspace = a_workspace()
    user = UserFactory.create()
    for key in ("region", "zone"):
        variable = create_variable(workspace, user=user, key=key, value="eu")
        delete_variable(update_variable(variable, user=user, version=1, value="us"))
    create_variable(workspace, user=user, key="region", value="asia")

    files = render(spec_of(workspace).configuration)

    assert files["variables.tfvars"] == 'region = "asia"\n'


def test_variables_of_sets_reach_the_engine_like_the_workspaces_own() -> None:
    workspace = a_workspace()
    for fields in ({"key": "region", "value": "eu"}, {"key": "colour", "secret": True}):
        SetVariableFactory.create(**fields)
    SetVariableFactory.create(key="TOKEN", value="s3cret", environment=True)
    WorkspaceVariable.objects.create(workspace=workspace, key="region", value="us")

    spec = spec_of(workspace)

    values = {variable.key: variable.value for variable in spec.configuration.variables}
    assert values == {"region": "us", "colour": "hunter2 hunter2"}
    assert spec.environment == {"TOKEN": "s3cret"}
    assert spec.sensitive_values == ("hunter2 hunter2",)


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


@pytest.mark.parametrize(("limit", "minutes"), [(3600, 90), (60, 31), (0, 24 * 60)])
def test_a_token_lives_as_long_as_the_plan_may_take(
    settings: Any, limit: int, minutes: int
) -> None:
    """F17: half an hour is too short for a plan that takes an hour."""
    settings.PLAN_TIMEOUT_SECONDS = limit
    source = a_workspace("network", outputs_sharing=OutputsSharing.ALL)
    workspace = a_workspace()
    WorkspaceRemoteData.objects.create(
        workspace=workspace, source_workspace=source, data_name="network"
    )

    spec_of(workspace)

    lives = RemoteDataToken.objects.get().expires_at - timezone.now()
    assert timedelta(minutes=minutes - 1) < lives < timedelta(minutes=minutes + 1)


def test_outputs_that_are_not_shared_are_the_users_error_and_name_the_data() -> None:
    source, workspace = a_workspace("network"), a_workspace()
    WorkspaceRemoteData.objects.create(
        workspace=workspace, source_workspace=source, data_name="subnets"
    )

    with pytest.raises(ConfigurationError, match=r"data subnets .* network does not share"):
        spec_of(workspace)


def test_a_source_deleted_after_the_snapshot_is_the_users_error_and_names_the_data() -> None:
    source = a_workspace("network", outputs_sharing=OutputsSharing.ALL)
    workspace = a_workspace()
    definition = WorkspaceRemoteData.objects.create(
        workspace=workspace, source_workspace=source, data_name="subnets"
    )
    task = a_task(workspace)
    start_next(workspace.pk)
    definition.delete()
    source.delete()

    with pytest.raises(ConfigurationError, match=r"data subnets .* was deleted"):
        build_task_spec(claimed(task))


def test_the_literal_of_a_sensitive_output_is_kept_out_of_the_log() -> None:
    workspace = a_workspace()
    for name, sensitive in (("open", False), ("hidden", True)):
        WorkspaceOutput.objects.create(
            workspace=workspace, output_name=name, output_value=f"{name} value", sensitive=sensitive
        )

    spec = spec_of(workspace)

    assert spec.sensitive_values == ("hidden value",)
    assert {output.value for output in spec.configuration.outputs} == {"open value", "hidden value"}


@pytest.mark.parametrize(
    ("source", "names"), [("resources", {"region", "arn"}), ("archive", {"region"})]
)
def test_beside_an_archive_only_static_outputs_are_written(source: str, names: set[str]) -> None:
    workspace = a_workspace(configuration_source=source)
    ConfigurationVersion.objects.create(
        workspace=workspace, archive=b"tar.gz", size_bytes=6, unpacked_bytes=6, file_count=1
    )
    resource = ResourceFactory.create(workspace=workspace)
    OutputFactory.create(workspace=workspace, output_name="region")
    OutputFactory.create(workspace=workspace, resource_name=resource.resource_id, output_name="arn")

    outputs = spec_of(workspace).configuration.outputs

    assert {output.name for output in outputs} == names
