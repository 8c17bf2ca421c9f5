"""Resources over the REST API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import ResourceFactory, WorkspaceFactory
from workspaces.models import Workspace, WorkspaceResource, WorkspaceTask

CODE = {"module": {"aws_vpc_main": {"source": "./vpc", "cidr": "10.0.0.0/16"}}}
NEW = {"resource_type": "aws_vpc", "resource_name": "main", "tf_code": CODE}


@pytest.fixture
def resources(base: str) -> str:
    """The address of the workspace's resources."""
    return f"{base}/resources"


def test_a_resource_is_created_with_its_first_version(api: APIClient, resources: str) -> None:
    answer = api.post(resources, {**NEW, "variables": {"a": 1}, "description": "The network"})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["resource_id"], body["version"]) == ("aws_vpc.main", 1)
    assert (body["tf_code"], body["variables"]) == (CODE, {"a": 1})
    assert api.get(f"{resources}/{body['id']}").json() == body
    version = api.get(f"{resources}/{body['id']}/versions/1").json()
    assert (version["change_type"], version["created_by"]) == ("create", "ada")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tf_code": []}, "tf_code"),
        ({"tf_code": {}}, "tf_code"),
        ({"tf_code": {"resource": {"aws_vpc": 5}}}, "tf_code"),
        ({"tf_code": {"resource": [5]}}, "tf_code"),
        ({"tf_code": {"terraform": {"backend": {"s3": {}}}}}, "tf_code"),
        ({"tf_code": {"module": {"a": {"text": "\0"}}}}, "tf_code"),
        ({"variables": 5}, "variables"),
        ({"resource_type": "1st"}, "resource_type"),
        ({"resource_type": "a.b"}, "resource_type"),
        ({"resource_name": "x" * 101}, "resource_name"),
        ({"resource_name": ""}, "resource_name"),
    ],
)
def test_bad_input_names_the_field(
    api: APIClient, resources: str, change: dict[str, Any], field: str
) -> None:
    answer = api.post(resources, {**NEW, **change})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]
    assert not WorkspaceResource.objects.exists()


def test_a_resource_that_is_there_answers_409(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    first = api.post(resources, NEW).json()
    again = api.post(resources, NEW)
    assert again.status_code == 409
    assert "aws_vpc.main" in again.json()["error"]
    api.delete(f"{resources}/{first['id']}")
    assert "restore" in api.post(resources, NEW).json()["error"]


def test_a_change_is_a_new_version(api: APIClient, resources: str, workspace: Workspace) -> None:
    resource = ResourceFactory.create(workspace=workspace)
    url = f"{resources}/{resource.pk}"
    given = {"tf_code": CODE, "change_summary": "Bigger", "description": "The network"}
    body = api.put(url, given).json()
    assert (body["version"], body["tf_code"], body["description"]) == (2, CODE, "The network")
    versions = api.get(f"{url}/versions").json()["items"]
    assert [each["version"] for each in versions] == [2, 1]
    assert (versions[0]["change_type"], versions[0]["change_summary"]) == ("update", "Bigger")


def test_an_earlier_version_becomes_the_next_one(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    resource = ResourceFactory.create(workspace=workspace)
    url = f"{resources}/{resource.pk}"
    original = api.get(url).json()["tf_code"]
    api.put(url, {"tf_code": CODE})
    body = api.post(f"{url}/versions/1/rollback").json()
    assert (body["version"], body["tf_code"]) == (3, original)
    assert api.get(f"{url}/versions/3").json()["change_type"] == "rollback"
    assert api.post(f"{url}/versions/9/rollback").status_code == 404


def test_a_deleted_resource_is_hidden_and_can_be_restored(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    resource = ResourceFactory.create(workspace=workspace)
    url = f"{resources}/{resource.pk}"
    before = api.get(url).json()
    assert api.post(f"{url}/restore").status_code == 409
    assert api.delete(url).status_code == 204
    assert api.get(resources).json()["total"] == 0
    assert api.get(f"{resources}?include_inactive=true").json()["total"] == 1
    for refused in (api.delete(url), api.put(url, {"tf_code": CODE})):
        assert refused.status_code == 409
    restored = api.post(f"{url}/restore").json()
    assert (restored["is_active"], restored["tf_code"]) == (True, before["tf_code"])
    kinds = [each["change_type"] for each in api.get(f"{url}/versions").json()["items"]]
    assert kinds == ["rollback", "delete", "create"]


def test_each_block_of_an_import_becomes_a_resource(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    code: dict[str, Any] = {
        "//": "comment",
        "resource": {"aws_vpc": {"main": {}, "other": {}}, "null_resource": [{"a": [{}]}]},
        "module": {"network": {"source": "./network"}},
    }
    answer = api.post(f"{resources}/import", {"tf_code": code})
    assert answer.status_code == 201
    assert answer.json()["count"] == 4
    items = api.get(resources).json()["items"]
    assert [item["resource_id"] for item in items] == [
        "aws_vpc.main",
        "aws_vpc.other",
        "module.network",
        "null_resource.a",
    ]
    imported = api.get(f"{resources}/{items[0]['id']}").json()
    assert imported["tf_code"] == {"resource": {"aws_vpc": {"main": {}}}}
    assert imported["version"] == 1


def test_an_import_is_made_whole_or_not_at_all(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    ResourceFactory.create(workspace=workspace, resource_type="aws_vpc", resource_name="main")
    code: dict[str, Any] = {"resource": {"aws_vpc": {"other": {}, "main": {}}}}
    answer = api.post(f"{resources}/import", {"tf_code": code})
    assert answer.status_code == 409
    assert "aws_vpc.main" in answer.json()["error"]
    assert workspace.resources.count() == 1


@pytest.mark.parametrize(
    "code",
    [
        {"data": {"aws_ami": {"x": {}}}},
        {"resource": {"1": {"a": {}}}},
        {"module": {"a b": {}}},
        {"resource": {"aws_vpc": [{"main": {}}, {"main": {}}]}},
    ],
)
def test_what_cannot_be_imported_is_refused(
    api: APIClient, resources: str, code: dict[str, Any]
) -> None:
    answer = api.post(f"{resources}/import", {"tf_code": code})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["tf_code"]


def test_a_deployment_is_a_plan_of_the_real_addresses(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    """F29: through the queue, with a snapshot, and targets that the engine knows."""
    module = ResourceFactory.create(workspace=workspace, tf_code=CODE)
    plain = ResourceFactory.create(workspace=workspace)
    ResourceFactory.create(workspace=workspace)
    ids = [module.pk, plain.pk]
    body = api.post(f"{resources}/deploy", {"resource_ids": ids, "description": "Two"}).json()
    assert (body["task_type"], body["description"]) == ("plan_only", "Two")
    assert sorted(body["targets"]) == ["module.aws_vpc_main", plain.resource_id]
    task = WorkspaceTask.objects.get(pk=body["id"])
    assert len(task.snapshot.resource_versions or {}) == 3


def test_resources_of_another_workspace_are_not_deployed(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    """F29: neither they nor deleted ones, and nothing half-made."""
    own = ResourceFactory.create(workspace=workspace)
    foreign = ResourceFactory.create(workspace=WorkspaceFactory.create())
    deleted = ResourceFactory.create(workspace=workspace, is_active=False)
    for other in (foreign, deleted):
        answer = api.post(f"{resources}/deploy", {"resource_ids": [own.pk, other.pk]})
        assert answer.status_code == 400
        assert str(other.pk) in answer.json()["fields"]["resource_ids"][0]
    assert not WorkspaceTask.objects.exists()


@pytest.mark.parametrize("ids", [[], ["a"], [0], [10**20], "1", None])
def test_a_deployment_names_resources(api: APIClient, resources: str, ids: Any) -> None:
    answer = api.post(f"{resources}/deploy", {"resource_ids": ids})
    assert answer.status_code == 400
    assert next(iter(answer.json()["fields"])).startswith("resource_ids")


def test_nothing_changes_under_a_lock(
    api: APIClient, base: str, resources: str, workspace: Workspace
) -> None:
    resource = ResourceFactory.create(workspace=workspace)
    url = f"{resources}/{resource.pk}"
    api.post(f"{base}/lock", {"reason": "Apply under way"})
    answers = [
        api.post(resources, NEW),
        api.post(f"{resources}/import", {"tf_code": CODE}),
        api.post(f"{resources}/deploy", {"resource_ids": [resource.pk]}),
        api.put(url, {"tf_code": CODE}),
        api.delete(url),
        api.post(f"{url}/restore"),
        api.post(f"{url}/versions/1/rollback"),
    ]
    for answer in answers:
        assert answer.status_code == 423
        assert answer.json()["lock_reason"] == "Apply under way"


def test_a_resource_of_another_workspace_is_not_found(api: APIClient, resources: str) -> None:
    """F52: not read, changed, deleted, restored or rolled back."""
    foreign = ResourceFactory.create(workspace=WorkspaceFactory.create())
    url = f"{resources}/{foreign.pk}"
    answers = [
        api.get(url),
        api.put(url, {"tf_code": CODE}),
        api.delete(url),
        api.post(f"{url}/restore"),
        api.get(f"{url}/versions"),
        api.get(f"{url}/versions/1"),
        api.post(f"{url}/versions/1/rollback"),
    ]
    assert {answer.status_code for answer in answers} == {404}


def test_a_list_is_searched_and_sorted(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    for name in ("b", "a", "c"):
        ResourceFactory.create(workspace=workspace, resource_name=name, description=f"about {name}")
    assert api.get(f"{resources}?search=about b").json()["total"] == 1
    items = api.get(f"{resources}?ordering=-resource_id").json()["items"]
    assert [item["resource_name"] for item in items] == ["c", "b", "a"]
    assert "tf_code" not in items[0]
