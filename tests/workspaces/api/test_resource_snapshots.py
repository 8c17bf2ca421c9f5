"""Named snapshots of resources over the REST API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import ResourceFactory, StateVersionFactory, TaskFactory, WorkspaceFactory
from workspaces.models import ResourceSnapshot, Workspace, WorkspaceResource

CODE = {"locals": {"a": 1}}


@pytest.fixture
def resources(base: str) -> str:
    """The address of the workspace's resources."""
    return f"{base}/resources"


@pytest.fixture
def snapshots(base: str) -> str:
    """The address of the workspace's snapshots."""
    return f"{base}/snapshots"


@pytest.fixture
def resource(workspace: Workspace) -> WorkspaceResource:
    """A resource of the workspace."""
    return ResourceFactory.create(workspace=workspace, resource_name="kept")


def test_a_snapshot_names_the_version_of_each_resource(
    api: APIClient, snapshots: str, resource: WorkspaceResource
) -> None:
    ResourceFactory.create(workspace=resource.workspace, is_active=False)
    StateVersionFactory.create(workspace=resource.workspace)
    answer = api.post(snapshots, {"name": "before the move", "description": "All is well"})
    assert answer.status_code == 201
    body = answer.json()
    assert body["versions"] == {"null_resource.kept": resource.current_version_id}
    assert (body["resource_count"], body["state_version"], body["task_id"]) == (1, 1, None)
    assert body["created_by"] == "ada"
    assert api.get(f"{snapshots}/{body['id']}").json() == body
    items = api.get(snapshots).json()["items"]
    assert items == [{name: value for name, value in body.items() if name != "versions"}]
    assert api.get(f"{snapshots}?search=move").json()["total"] == 1
    assert api.get(f"{snapshots}?search=nothing").json()["total"] == 0


def test_a_name_is_there_once_in_a_workspace(
    api: APIClient, snapshots: str, resource: WorkspaceResource
) -> None:
    api.post(snapshots, {"name": "one"})
    again = api.post(snapshots, {"name": "one"})
    assert again.status_code == 409
    assert list(again.json()["fields"]) == ["name"]
    other = f"/api/v1/workspaces/{WorkspaceFactory.create().workspace_id}/snapshots"
    assert api.post(other, {"name": "one"}).status_code == 201


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a", "description": 5.5e300, "task_id": "x"}, "task_id"),
        ({"name": "a", "task_id": 10**15}, "task_id"),
    ],
)
def test_bad_input_names_the_field(
    api: APIClient, snapshots: str, given: dict[str, Any], field: str
) -> None:
    answer = api.post(snapshots, given)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_a_snapshot_of_a_task_has_what_the_task_was_created_with(
    api: APIClient, base: str, snapshots: str, resource: WorkspaceResource
) -> None:
    task = api.post(f"{base}/tasks", {"run_type": "plan_only"}).json()
    api.put(f"{base}/resources/{resource.pk}", {"tf_code": CODE})
    body = api.post(snapshots, {"name": "task", "task_id": task["id"]}).json()
    assert body["task_id"] == task["id"]
    first = resource.versions.get(version=1)
    assert body["versions"] == {"null_resource.kept": first.pk}
    foreign = TaskFactory.create()
    assert api.post(snapshots, {"name": "other", "task_id": foreign.pk}).status_code == 400


def test_a_restore_makes_the_resources_what_they_were(
    api: APIClient, resources: str, snapshots: str, workspace: Workspace
) -> None:
    kept, changed, deleted = (
        ResourceFactory.create(workspace=workspace, resource_name=name)
        for name in ("kept", "changed", "deleted")
    )
    before = api.get(f"{resources}/{changed.pk}").json()["tf_code"]
    taken = f"{snapshots}/{api.post(snapshots, {'name': 'before'}).json()['id']}"
    api.put(f"{resources}/{changed.pk}", {"tf_code": CODE, "variables": {"a": 1}})
    api.delete(f"{resources}/{deleted.pk}")
    added = ResourceFactory.create(workspace=workspace, resource_name="added")

    assert api.get(f"{taken}/compare").json() == {
        "changed": ["null_resource.changed"],
        "deleted": ["null_resource.deleted"],
        "added": ["null_resource.added"],
        "unchanged_count": 1,
    }
    assert api.post(f"{taken}/restore").json() == {
        "changed": ["null_resource.changed"],
        "restored": ["null_resource.deleted"],
        "removed": ["null_resource.added"],
        "unchanged_count": 1,
    }

    names = [item["resource_name"] for item in api.get(resources).json()["items"]]
    assert names == ["changed", "deleted", "kept"]
    body = api.get(f"{resources}/{changed.pk}").json()
    assert (body["version"], body["tf_code"], body["variables"]) == (3, before, {})
    history = {
        each.resource_name: list(each.versions.values_list("change_type", flat=True))
        for each in (kept, changed, deleted, added)
    }
    assert history == {
        "kept": ["create"],
        "changed": ["rollback", "update", "create"],
        "deleted": ["rollback", "delete", "create"],
        "added": ["delete", "create"],
    }
    version = api.get(f"{resources}/{changed.pk}/versions/3").json()
    assert version["change_summary"] == "Snapshot before restored"
    again = api.post(f"{taken}/restore").json()
    assert again == {"changed": [], "restored": [], "removed": [], "unchanged_count": 3}


def test_under_a_lock_a_snapshot_is_taken_and_none_restored(
    api: APIClient, base: str, snapshots: str, resource: WorkspaceResource
) -> None:
    api.post(f"{base}/lock", {"reason": "Apply under way"})
    taken = api.post(snapshots, {"name": "meanwhile"})
    assert taken.status_code == 201
    refused = api.post(f"{snapshots}/{taken.json()['id']}/restore")
    assert refused.status_code == 423
    assert refused.json()["lock_reason"] == "Apply under way"


def test_a_snapshot_is_deleted_and_leaves_the_resources_alone(
    api: APIClient, snapshots: str, resource: WorkspaceResource
) -> None:
    url = f"{snapshots}/{api.post(snapshots, {'name': 'one'}).json()['id']}"
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
    resource.refresh_from_db()
    assert resource.is_active


def test_a_snapshot_of_another_workspace_is_not_found(api: APIClient, snapshots: str) -> None:
    """F52: not read, compared, restored or deleted."""
    other = WorkspaceFactory.create()
    foreign = ResourceSnapshot.objects.create(workspace=other, name="theirs")
    url = f"{snapshots}/{foreign.pk}"
    answers = [
        api.get(url),
        api.get(f"{url}/compare"),
        api.post(f"{url}/restore"),
        api.delete(url),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert api.get(snapshots).json()["total"] == 0
    assert ResourceSnapshot.objects.filter(pk=foreign.pk).exists()


def test_a_version_of_another_workspace_is_not_restored(
    api: APIClient, snapshots: str, resource: WorkspaceResource
) -> None:
    """F52: even where a snapshot names it, which no call can bring about."""
    foreign = ResourceFactory.create()
    ResourceSnapshot.objects.create(
        workspace=resource.workspace, name="mixed", versions={"a.b": foreign.current_version_id}
    )
    url = f"{snapshots}/{api.get(snapshots).json()['items'][0]['id']}"
    assert api.post(f"{url}/restore").status_code == 409
    resource.refresh_from_db()
    assert resource.is_active
