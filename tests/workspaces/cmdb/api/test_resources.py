"""Searching over the API, and what is shown of resources."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from iacplatform.common.models import OutboxEntry
from tests.factories import WorkspaceFactory
from tests.workspaces.cmdb.inventories import a_source
from tests.workspaces.cmdb.states import instance, resource, save, synced
from workspaces.cmdb.models import ResourceIndex
from workspaces.cmdb.services.mapping import read_inventory
from workspaces.models import Workspace

CMDB = "/api/v1/cmdb"


@pytest.fixture
def workspace(db: None) -> Workspace:
    """A workspace of three resources, two of them in a module."""
    workspace = WorkspaceFactory.create(name="shop")
    web = instance(id="i-1", size=2, tags={"Name": "web", "Env": "prod"}, description="The shop")
    synced(
        workspace,
        resource("aws_instance.web", web),
        resource("aws_subnet.a", module='module.net["eu"]'),
        resource("google_vm.b", module='module.net["eu"]', provider="provider.google"),
    )
    return workspace


def get(api: APIClient, path: str, **query: Any) -> Any:
    response = api.get(f"{CMDB}/{path}", query)
    assert response.status_code == 200, response.json()
    return response.json()


def names(answer: Any) -> list[str]:
    return [hit["resource"]["terraform_address"] for hit in answer["items"]]


def test_a_search_shows_where_a_resource_is_and_how_well_it_fits(
    api: APIClient, workspace: Workspace
) -> None:
    answer = get(api, "search", q="web")

    assert answer["query"] == "web"
    (hit,) = answer["items"]
    assert hit["score"] == 0.9
    shown = hit["resource"]
    assert (shown["workspace_id"], shown["workspace_name"]) == (workspace.workspace_id, "shop")
    assert (shown["cloud_resource_id"], shown["cloud_resource_name"]) == ("i-1", "web")
    assert shown["tags"] == {"Name": "web", "Env": "prod"}
    assert shown["external_source_id"] is None
    assert "attributes" not in shown


def test_an_external_resource_names_its_source(api: APIClient, db: None) -> None:
    source = a_source(response_path="$", field_mapping={})
    (row,) = read_inventory(source, b'[{"id": "box-1"}]').rows.values()
    row.save()

    shown = get(api, "search", q="box")["items"][0]["resource"]

    assert (shown["source_type"], shown["external_source_id"]) == ("external", source.source_id)
    assert shown["workspace_id"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 3),
        ({"resource_type": "aws_subnet"}, 1),
        ({"provider": "google"}, 1),
        ({"provider": "google", "resource_type": "aws_subnet"}, 0),
        ({"source": "terraform"}, 3),
        ({"source": "external"}, 0),
        ({"tag": "Env=prod"}, 1),
        ({"tag": "Env="}, 0),
        ({"limit": "1"}, 1),
    ],
)
def test_a_search_is_narrowed(
    api: APIClient, workspace: Workspace, query: dict[str, str], found: int
) -> None:
    other = WorkspaceFactory.create()
    synced(other, resource("aws_instance.web"))

    answer = get(api, "search", q="_", workspace_id=workspace.workspace_id, **query)
    assert answer["items"] == []
    whole = get(api, "search", q="_instance", workspace_id=workspace.workspace_id)
    assert names(whole) == ["aws_instance.web"]
    narrowed = get(api, "resource-types", workspace_id=str(workspace.pk), **query)
    counted = sum(each["count"] for each in narrowed["items"])
    assert counted == (3 if "limit" in query else found)


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("search", {}, "q"),
        ("search", {"q": ""}, "q"),
        ("search", {"q": "x" * 501}, "q"),
        ("search", {"q": "a\0b"}, "q"),
        ("search", {"q": "a", "limit": "0"}, "limit"),
        ("search", {"q": "a", "limit": "101"}, "limit"),
        ("search", {"q": "a", "source": "moon"}, "source"),
        ("search", {"q": "a", "tag": "Env"}, "tag"),
        ("suggestions", {"q": "a", "limit": "x"}, "limit"),
        ("stats", {"source": "moon"}, "source"),
    ],
)
def test_bad_input_is_named(api: APIClient, path: str, query: dict[str, str], field: str) -> None:
    response = api.get(f"{CMDB}/{path}", query)

    assert response.status_code == 400
    assert list(response.json()["fields"]) == [field]


def test_a_workspace_that_one_may_not_see_cannot_be_searched(
    stranger: APIClient, workspace: Workspace
) -> None:
    query = {"q": "web", "workspace_id": workspace.workspace_id}

    assert stranger.get(f"{CMDB}/search", query).status_code == 404


def test_a_resource_is_shown_with_its_attributes(api: APIClient, workspace: Workspace) -> None:
    row = ResourceIndex.objects.get(cloud_resource_id="i-1")

    shown = get(api, f"resources/{row.pk}")

    assert shown["attributes"]["size"] == 2
    assert shown["description"] == "The shop"


def test_suggestions_complete_what_is_typed(api: APIClient, workspace: Workspace) -> None:
    assert get(api, "suggestions", q="we")["suggestions"] == [
        {"value": "web", "kind": "name"},
        {"value": "aws_instance.web", "kind": "address"},
    ]


def test_numbers_are_those_of_what_one_sees(api: APIClient, workspace: Workspace) -> None:
    stats = get(api, "stats")

    assert (stats["total_resources"], stats["terraform_resources"]) == (3, 3)
    assert (stats["external_resources"], stats["workspaces"]) == (0, 1)
    assert stats["resource_types"] == 3
    assert stats["providers"] == [
        {"provider": "aws", "count": 2},
        {"provider": "google", "count": 1},
    ]
    assert stats["last_change_at"] is not None


def test_workspaces_are_listed_with_their_numbers(api: APIClient, workspace: Workspace) -> None:
    synced(WorkspaceFactory.create(name="small"), resource("aws_x.a"))

    found = get(api, "workspace-counts")["items"]

    assert [(each["workspace_name"], each["resource_count"]) for each in found] == [
        ("shop", 3),
        ("small", 1),
    ]


# --- One workspace


def test_the_tree_shows_modules_with_their_counts(api: APIClient, workspace: Workspace) -> None:
    answer = get(api, f"workspaces/{workspace.workspace_id}/tree")

    tree = answer["tree"]
    assert (tree["module_path"], tree["resource_count"], tree["total_resource_count"]) == ("", 1, 3)
    (net,) = tree["children"]
    assert (net["module_path"], net["module_key"]) == ('module.net["eu"]', "eu")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 3),
        ({"resource_type": "aws_subnet"}, 1),
        ({"provider": "aws"}, 2),
        ({"module_path": 'module.net["eu"]'}, 2),
        ({"search": "WEB"}, 1),
        ({"search": "100%"}, 0),
    ],
)
def test_the_resources_of_a_workspace_are_listed(
    api: APIClient, workspace: Workspace, query: dict[str, str], found: int
) -> None:
    answer = get(api, f"workspaces/{workspace.workspace_id}/resources", **query)

    assert answer["total"] == len(answer["items"]) == found


def test_the_state_of_the_sync_is_shown(api: APIClient, workspace: Workspace) -> None:
    shown = get(api, f"workspaces/{workspace.workspace_id}/sync")
    assert (shown["status"], shown["synced_version"], shown["resource_count"]) == ("idle", 1, 3)

    fresh = WorkspaceFactory.create()
    shown = get(api, f"workspaces/{fresh.workspace_id}/sync")
    assert (shown["status"], shown["synced_version"]) == ("idle", None)


def test_a_sync_is_asked_for(api: APIClient, workspace: Workspace) -> None:
    response = api.post(f"{CMDB}/workspaces/{workspace.workspace_id}/sync")

    assert response.status_code == 202
    assert OutboxEntry.objects.get().kind == "cmdb.sync"


def test_a_sync_of_all_is_asked_for_by_an_administrator(
    administrator: APIClient, workspace: Workspace
) -> None:
    save(WorkspaceFactory.create(), resource("aws_x.a"))

    response = administrator.post(f"{CMDB}/sync-all")

    assert (response.status_code, response.json()["workspace_count"]) == (202, 2)
    assert OutboxEntry.objects.count() == 2


@pytest.mark.parametrize(
    "path", ["search?q=aws", "resource-types", "workspace-counts", "stats", "resources"]
)
def test_the_number_of_queries_does_not_grow(
    api: APIClient, workspace: Workspace, path: str
) -> None:
    if path == "resources":
        path = f"workspaces/{workspace.workspace_id}/resources"
    api.get(f"{CMDB}/{path}")
    few = queries(api, path)
    for number in range(10):
        synced(WorkspaceFactory.create(), resource(f"aws_x.r{number}"))

    assert queries(api, path) <= few


def queries(api: APIClient, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert api.get(f"{CMDB}/{path}").status_code == 200
    return len(captured)
