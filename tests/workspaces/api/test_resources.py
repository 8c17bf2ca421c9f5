"""Resources over the REST API."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import ResourceFactory, TaskFactory, WorkspaceFactory
from workspaces.models import TaskPlan, Workspace, WorkspaceResource, WorkspaceTask

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
        {"resource": {"module": {"a": {}}}, "module": {"a": {"source": "./a"}}},
        "resource aws_vpc main {}\nresource aws_vpc main {}",
        "resource aws_vpc main { x = }",
        "data aws_ami x {}",
        "",
        5,
    ],
)
def test_what_cannot_be_imported_is_refused(api: APIClient, resources: str, code: Any) -> None:
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
        api.put(f"{url}/dependencies", {"depends_on": []}),
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
        api.get(f"{url}/versions/compare?from=1&to=1"),
        api.get(f"{url}/dependencies"),
        api.put(f"{url}/dependencies", {"depends_on": []}),
    ]
    assert {answer.status_code for answer in answers} == {404}
    foreign.refresh_from_db()
    assert foreign.is_active


def test_a_list_is_searched_and_sorted(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    for name in ("b", "a", "c"):
        ResourceFactory.create(workspace=workspace, resource_name=name, description=f"about {name}")
    assert api.get(f"{resources}?search=about b").json()["total"] == 1
    items = api.get(f"{resources}?ordering=-resource_id").json()["items"]
    assert [item["resource_name"] for item in items] == ["c", "b", "a"]
    assert "tf_code" not in items[0]


def test_a_change_that_was_made_against_an_older_version_is_409(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    resource = ResourceFactory.create(workspace=workspace)
    url = f"{resources}/{resource.pk}"
    assert api.put(url, {"tf_code": CODE, "version": 1}).json()["version"] == 2
    stale = api.put(url, {"tf_code": CODE, "version": 1})
    assert stale.status_code == 409
    assert (stale.json()["code"], stale.json()["current_version"]) == ("version_conflict", 2)
    assert api.put(url, {"tf_code": CODE, "version": 0}).status_code == 400
    assert resource.versions.count() == 2


def test_two_versions_are_compared_path_by_path(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    code: dict[str, Any] = {"module": {"vpc": {"cidr": "10.0.0.0/16", "tags": {"a b": 1}}}}
    resource = ResourceFactory.create(workspace=workspace, tf_code=code)
    url = f"{resources}/{resource.pk}"
    code["module"]["vpc"] |= {"cidr": "10.1.0.0/16", "tags": {"a b": 2, "c": 3}, "zones": [1]}
    api.put(url, {"tf_code": code, "variables": {"a": 1}})
    body = api.get(f"{url}/versions/compare?from=1&to=2").json()
    assert body == {
        "from_version": 1,
        "to_version": 2,
        "tf_code": {
            "module.vpc.cidr": {"before": "10.0.0.0/16", "after": "10.1.0.0/16"},
            'module.vpc.tags["a b"]': {"before": 1, "after": 2},
            "module.vpc.tags.c": {"before": None, "after": 3},
            "module.vpc.zones": {"before": None, "after": [1]},
        },
        "variables": {"a": {"before": None, "after": 1}},
    }
    same = api.get(f"{url}/versions/compare?from=2&to=2").json()
    assert (same["tf_code"], same["variables"]) == ({}, {})


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?from=1", 400),
        ("?from=a&to=1", 400),
        ("?from=0&to=1", 400),
        ("?from=1&to=9", 404),
    ],
)
def test_a_comparison_names_two_versions_that_are_there(
    api: APIClient, resources: str, workspace: Workspace, query: str, status: int
) -> None:
    resource = ResourceFactory.create(workspace=workspace)
    answer = api.get(f"{resources}/{resource.pk}/versions/compare{query}")
    assert answer.status_code == status


def vpc_and_subnet(workspace: Workspace) -> tuple[WorkspaceResource, WorkspaceResource]:
    """The second refers to the first."""
    vpc = ResourceFactory.create(
        workspace=workspace, resource_type="aws_vpc", resource_name="main", tf_code=CODE
    )
    code = {"resource": {"aws_subnet": {"a": {"vpc_id": "${module.aws_vpc_main.id}"}}}}
    subnet = ResourceFactory.create(
        workspace=workspace, resource_type="aws_subnet", resource_name="a", tf_code=code
    )
    return vpc, subnet


def test_dependencies_are_said_and_computed(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    vpc, subnet = vpc_and_subnet(workspace)
    other = ResourceFactory.create(workspace=workspace, resource_name="other")
    url = f"{resources}/{subnet.pk}/dependencies"
    implicit = {"id": vpc.pk, "resource_id": "aws_vpc.main", "dependency_type": "implicit"}
    assert api.get(url).json() == {"depends_on": [implicit], "dependents": []}
    body = api.put(url, {"depends_on": [other.pk]}).json()
    explicit = {
        "id": other.pk,
        "resource_id": "null_resource.other",
        "dependency_type": "explicit",
    }
    assert body == {"depends_on": [implicit, explicit], "dependents": []}
    needed = api.get(f"{resources}/{other.pk}/dependencies").json()
    assert [each["resource_id"] for each in needed["dependents"]] == ["aws_subnet.a"]
    assert api.put(url, {"depends_on": []}).json() == {"depends_on": [implicit], "dependents": []}


def test_dependencies_stay_in_the_workspace_and_close_no_cycle(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    """F52: neither a foreign resource nor a deleted one, nor itself, nor a way back."""
    vpc, subnet = vpc_and_subnet(workspace)
    third = ResourceFactory.create(workspace=workspace)
    foreign = ResourceFactory.create(workspace=WorkspaceFactory.create())
    gone = ResourceFactory.create(workspace=workspace, is_active=False)
    url = f"{resources}/{vpc.pk}/dependencies"
    assert api.put(f"{resources}/{third.pk}/dependencies", {"depends_on": [subnet.pk]}).json()
    for refused in (vpc, foreign, gone, subnet, third):
        answer = api.put(url, {"depends_on": [refused.pk]})
        assert answer.status_code == 400, refused
        assert list(answer.json()["fields"]) == ["depends_on"]
    assert api.get(url).json()["depends_on"] == []


def test_what_others_depend_on_is_deleted_by_force_only(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    vpc, subnet = vpc_and_subnet(workspace)
    url = f"{resources}/{vpc.pk}"
    refused = api.delete(url)
    assert refused.status_code == 409
    body = refused.json()
    assert (body["code"], body["dependents"]) == ("has_dependents", ["aws_subnet.a"])
    assert body["requires_force"] is True
    assert api.delete(f"{url}?force=perhaps").status_code == 400
    assert api.delete(f"{url}?force=true").status_code == 204
    assert api.delete(f"{resources}/{subnet.pk}").status_code == 204


def test_hcl_is_imported_and_exported(api: APIClient, resources: str, workspace: Workspace) -> None:
    text = (
        'resource "aws_vpc" "main" {\n  cidr = var.cidr\n  tags = {\n    Name = "a-${var.name}"\n'
        '  }\n\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n\nmodule "b" {\n  source = "./b"\n}\n'
    )
    assert api.post(f"{resources}/import", {"tf_code": text}).json()["count"] == 2
    answer = api.get(f"{resources}/export/hcl")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    name = f"{workspace.workspace_id}-resources.tf"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    vpc, module = text.split("\n\nmodule")
    assert answer.content.decode() == f"# aws_vpc.main\n{vpc}\n\n# module.b\nmodule{module}"


def test_an_export_is_read_again_as_the_same(api: APIClient, resources: str) -> None:
    code: dict[str, Any] = {
        "aws_sg": {"a": {"ingress": [{"port": 1}, {"port": 2}], "text": 'q"\n$${x} ${var.a}'}},
        "null_resource": {"b": {"triggers": {"a b": "${aws_sg.a.id}"}, "depends_on": ["aws_sg.a"]}},
    }
    api.post(f"{resources}/import", {"tf_code": {"resource": code}})
    text = api.get(f"{resources}/export/hcl").content.decode()
    other = WorkspaceFactory.create()
    there = f"/api/v1/workspaces/{other.workspace_id}/resources"
    assert api.post(f"{there}/import", {"tf_code": text}).status_code == 201
    assert api.get(f"{there}/export/hcl").content.decode() == text
    copied = {each.resource_id: each.current_version for each in other.resources.active()}
    assert copied["aws_sg.a"] is not None
    assert copied["aws_sg.a"].tf_code == {"resource": {"aws_sg": {"a": code["aws_sg"]["a"]}}}


def test_an_export_leaves_deleted_resources_out_and_names_what_it_cannot_write(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    ResourceFactory.create(workspace=workspace, is_active=False)
    assert api.get(f"{resources}/export/hcl").content == b""
    code = {"resource": {"null_resource": {"x": {"text": "${open"}}}}
    ResourceFactory.create(workspace=workspace, resource_name="x", tf_code=code)
    answer = api.get(f"{resources}/export/hcl")
    assert answer.status_code == 409
    assert "null_resource.x" in answer.json()["error"]


def test_the_newest_plan_tells_what_are_nested_blocks(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    code = {"resource": {"aws_s3_bucket": {"a": {"versioning": {"enabled": True}}}}}
    ResourceFactory.create(workspace=workspace, tf_code=code)
    assert "versioning = {" in api.get(f"{resources}/export/hcl").content.decode()
    block = {"versioning": [{"enabled": {"constant_value": True}}]}
    resource = {"address": "aws_s3_bucket.a", "expressions": block}
    plan = {"configuration": {"root_module": {"resources": [resource]}}}
    for content in (b"no plan", json.dumps(plan).encode()):
        task = TaskFactory.create(workspace=workspace)
        TaskPlan.objects.create(task=task, plan_file=b"", plan_json=content)
        exported = api.get(f"{resources}/export/hcl").content.decode()
        assert ("versioning {" in exported) == (content != b"no plan")


def test_resources_are_not_deployed_where_an_archive_is_planned(
    api: APIClient, resources: str, workspace: Workspace
) -> None:
    """F29: they would be no part of the plan."""
    resource = ResourceFactory.create(workspace=workspace)
    Workspace.objects.filter(pk=workspace.pk).update(configuration_source="archive")
    answer = api.post(f"{resources}/deploy", {"resource_ids": [resource.pk]})
    assert answer.status_code == 409
    assert not WorkspaceTask.objects.exists()
