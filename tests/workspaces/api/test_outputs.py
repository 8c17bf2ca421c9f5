"""Definitions of outputs and remote data over the REST API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import (
    OrganizationFactory,
    OutputFactory,
    RemoteDataFactory,
    ResourceFactory,
    WorkspaceFactory,
)
from workspaces.models import Workspace, WorkspaceOutput


@pytest.fixture
def outputs(base: str) -> str:
    """The address of the workspace's outputs."""
    return f"{base}/outputs"


@pytest.fixture
def remote_data(base: str) -> str:
    """The address of the workspace's remote data."""
    return f"{base}/remote-data"


def test_an_output_is_defined_changed_and_removed(
    api: APIClient, outputs: str, workspace: Workspace
) -> None:
    resource = ResourceFactory.create(workspace=workspace)
    given = {
        "resource_name": resource.resource_id,
        "output_name": "arn",
        "output_value": "${module.x.arn}",
    }
    created = api.post(outputs, given)
    assert created.status_code == 201
    url = f"{outputs}/{created.json()['output_id']}"
    assert api.get(url).json()["output_value"] == "${module.x.arn}"
    assert api.patch(url, {"description": "The ARN"}).json()["description"] == "The ARN"
    assert api.put(url, {**given, "output_name": "name"}).json()["output_name"] == "name"
    assert api.get(outputs).json()["total"] == 1
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404


@pytest.mark.parametrize("resource_name", ["", "__static__"])
def test_a_static_output_has_a_literal(api: APIClient, outputs: str, resource_name: str) -> None:
    given = {"resource_name": resource_name, "output_name": "region", "output_value": "eu"}
    body = api.post(outputs, given).json()
    assert (body["resource_name"], body["output_value"]) == ("__static__", "eu")


def test_a_sensitive_literal_is_in_no_answer_and_stays(
    api: APIClient, outputs: str, workspace: Workspace
) -> None:
    given = {"output_name": "password", "output_value": "hunter2", "sensitive": True}
    created = api.post(outputs, given)
    url = f"{outputs}/{created.json()['output_id']}"
    changed = api.put(url, {**given, "output_value": "", "description": "x"})
    for answer in (created, changed, api.get(outputs)):
        assert b"hunter2" not in answer.content
    assert workspace.outputs.get().output_value == "hunter2"


@pytest.mark.parametrize("change", [{"sensitive": False}, {"resource_name": "null_resource.one"}])
def test_a_sensitive_literal_is_not_made_readable(
    api: APIClient, outputs: str, workspace: Workspace, change: dict[str, Any]
) -> None:
    ResourceFactory.create(workspace=workspace, resource_name="one")
    secret = OutputFactory.create(workspace=workspace, sensitive=True, output_value="hunter2")
    answer = api.patch(f"{outputs}/{secret.output_id}", change)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["sensitive"]
    secret.refresh_from_db()
    assert (secret.sensitive, secret.is_static) == (True, True)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"output_name": "a b"}, "output_name"),
        ({"output_name": ""}, "output_name"),
        ({"resource_name": "aws_vpc.nobody"}, "resource_name"),
        ({"output_value": None}, "output_value"),
    ],
)
def test_bad_input_names_the_field(
    api: APIClient, outputs: str, change: dict[str, Any], field: str
) -> None:
    answer = api.post(outputs, {"output_name": "a", "output_value": "b", **change})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]
    assert not WorkspaceOutput.objects.exists()


def test_an_output_of_a_resource_needs_an_expression(
    api: APIClient, outputs: str, workspace: Workspace
) -> None:
    resource = ResourceFactory.create(workspace=workspace)
    given = {"resource_name": resource.resource_id, "output_name": "a", "output_value": " "}
    assert list(api.post(outputs, given).json()["fields"]) == ["output_value"]


def test_an_output_that_is_there_answers_409(
    api: APIClient, outputs: str, workspace: Workspace
) -> None:
    there = OutputFactory.create(workspace=workspace)
    answer = api.post(outputs, {"output_name": there.output_name, "output_value": "b"})
    assert answer.status_code == 409
    assert list(answer.json()["fields"]) == ["output_name"]


def test_remote_data_is_defined_changed_and_removed(api: APIClient, remote_data: str) -> None:
    source = WorkspaceFactory.create(outputs_sharing="all")
    given = {"data_name": "network", "source_workspace": source.workspace_id}
    created = api.post(remote_data, given)
    assert created.status_code == 201
    url = f"{remote_data}/{created.json()['remote_data_id']}"
    assert api.get(url).json()["source_workspace"] == source.workspace_id
    assert api.patch(url, {"data_name": "net"}).json()["data_name"] == "net"
    assert api.delete(url).status_code == 204
    assert api.get(remote_data).json()["total"] == 0


def test_remote_data_comes_only_from_who_shares_it(
    api: APIClient, remote_data: str, workspace: Workspace
) -> None:
    selfish = WorkspaceFactory.create()
    foreign = WorkspaceFactory.create(
        organization=OrganizationFactory.create(name="other"), outputs_sharing="all"
    )
    for source in (selfish.workspace_id, foreign.workspace_id, workspace.workspace_id, "ws-no", 5):
        answer = api.post(remote_data, {"data_name": "a", "source_workspace": source})
        assert answer.status_code == 400
        assert list(answer.json()["fields"]) == ["source_workspace"]


def test_remote_data_comes_from_who_named_the_workspace(
    api: APIClient, remote_data: str, workspace: Workspace
) -> None:
    source = WorkspaceFactory.create(outputs_sharing="specific")
    given = {"data_name": "a", "source_workspace": source.workspace_id}
    assert api.post(remote_data, given).status_code == 400
    source.outputs_allowed.add(workspace)
    assert api.post(remote_data, given).status_code == 201
    assert api.post(remote_data, given).status_code == 409


def test_a_name_that_is_no_identifier_is_refused(api: APIClient, remote_data: str) -> None:
    source = WorkspaceFactory.create(outputs_sharing="all")
    given = {"data_name": "a.b", "source_workspace": source.workspace_id}
    assert list(api.post(remote_data, given).json()["fields"]) == ["data_name"]


def test_nothing_changes_under_a_lock(
    api: APIClient, base: str, outputs: str, remote_data: str, workspace: Workspace
) -> None:
    output = OutputFactory.create(workspace=workspace)
    data = RemoteDataFactory.create(workspace=workspace)
    source = {"data_name": "b", "source_workspace": data.source_workspace.workspace_id}
    api.post(f"{base}/lock", {"reason": "Apply under way"})
    answers = [
        api.post(outputs, {"output_name": "a", "output_value": "b"}),
        api.patch(f"{outputs}/{output.output_id}", {"description": "x"}),
        api.delete(f"{outputs}/{output.output_id}"),
        api.post(remote_data, source),
        api.patch(f"{remote_data}/{data.remote_data_id}", {"description": "x"}),
        api.delete(f"{remote_data}/{data.remote_data_id}"),
    ]
    assert {answer.status_code for answer in answers} == {423}
