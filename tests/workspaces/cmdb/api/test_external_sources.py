"""External sources over the API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from iacplatform.common.models import OutboxEntry
from tests.iacplatform.common.outbound.servers import nobody, running_server
from tests.workspaces.cmdb.inventories import MAPPING, a_source, item, items
from workspaces.cmdb.models import ExternalSource, PullStatus, SyncLog

SOURCES = "/api/v1/cmdb/external-sources"
NEW = {
    "name": "vms",
    "api_endpoint": "https://inventory.example.com/vms",
    "auth_headers": [{"key": "Authorization", "value": "Bearer hunter2"}],
    "response_path": "$.data.items",
    "field_mapping": MAPPING,
    "primary_key_field": "$.id",
    "sync_interval_minutes": 15,
}


def send(client: APIClient, method: str, url: str, body: Any = None, status: int = 200) -> Any:
    response = getattr(client, method)(url, body, format="json")
    assert response.status_code == status, response.content
    return response.json() if response.content else None


def test_a_source_is_created_and_its_header_values_never_come_out(
    administrator: APIClient,
) -> None:
    created = send(administrator, "post", SOURCES, NEW, status=201)

    assert created["source_id"].startswith("cmdb-src-")
    assert created["organization"] == "default"
    assert created["auth_headers"] == [{"key": "Authorization", "has_value": True}]
    assert (created["sync_interval_minutes"], created["is_enabled"]) == (15, True)
    shown = administrator.get(f"{SOURCES}/{created['source_id']}").content
    assert b"hunter2" not in shown + administrator.get(SOURCES).content
    assert ExternalSource.objects.get().auth_headers == {"Authorization": "Bearer hunter2"}


def test_a_put_keeps_headers_without_a_value_and_removes_missing_ones(
    administrator: APIClient, db: None
) -> None:
    source = a_source(auth_headers={"X-Key": "one", "X-Old": "two"})
    body = {
        **NEW,
        "api_endpoint": source.api_endpoint,
        "auth_headers": [{"key": "X-Key"}, {"key": "X-New", "value": "three"}],
    }

    changed = send(administrator, "put", f"{SOURCES}/{source.source_id}", body)

    assert [each["key"] for each in changed["auth_headers"]] == ["X-Key", "X-New"]
    source.refresh_from_db()
    assert source.auth_headers == {"X-Key": "one", "X-New": "three"}
    send(administrator, "patch", f"{SOURCES}/{source.source_id}", {"is_enabled": False})
    source.refresh_from_db()
    assert (source.auth_headers, source.is_enabled) == ({"X-Key": "one", "X-New": "three"}, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("api_endpoint", "http://10.1.2.3/"),
        ("http_method", "DELETE"),
        ("response_path", "$["),
        ("primary_key_field", ""),
        ("field_mapping", {"colour": "$.c"}),
        ("field_mapping", []),
        ("sync_interval_minutes", -1),
        ("sync_interval_minutes", 10081),
        ("auth_headers", "text"),
        ("auth_headers", [{"value": "x"}]),
        ("auth_headers", [{"key": "Host", "value": "x"}]),
        ("organization", "elsewhere"),
    ],
)
def test_bad_input_is_named(administrator: APIClient, field: str, value: Any) -> None:
    refused = send(administrator, "post", SOURCES, NEW | {field: value}, status=400)

    assert {name.split(".")[0] for name in refused["fields"]} == {field}


def test_a_name_is_taken_once(administrator: APIClient) -> None:
    send(administrator, "post", SOURCES, NEW, status=201)
    assert "name" in send(administrator, "post", SOURCES, NEW, status=409)["fields"]


def test_a_source_is_removed_with_its_rows(administrator: APIClient, db: None) -> None:
    source = a_source()

    send(administrator, "delete", f"{SOURCES}/{source.source_id}", status=204)

    assert not ExternalSource.objects.exists()


def test_a_pull_is_asked_for_unless_the_source_is_disabled(
    administrator: APIClient, db: None
) -> None:
    source = a_source()
    send(administrator, "post", f"{SOURCES}/{source.source_id}/sync", status=202)
    assert OutboxEntry.objects.get().kind == "cmdb.pull"

    ExternalSource.objects.update(is_enabled=False)
    send(administrator, "post", f"{SOURCES}/{source.source_id}/sync", status=409)


def test_a_test_tells_what_the_source_answers(administrator: APIClient, db: None) -> None:
    with running_server(items(item("a"), {"no": "key"})) as server:
        source = a_source(server.url)
        told = send(administrator, "post", f"{SOURCES}/{source.source_id}/test")

    assert told["success"] is True
    assert told["message"] == "Left out: 1 without a key."
    assert told["sample_count"] == 1
    assert told["sample_data"][0]["cloud_resource_id"] == "a"


def test_a_test_of_a_source_that_is_down_says_so(administrator: APIClient, db: None) -> None:
    with nobody() as url:
        source = a_source(url)
        told = send(administrator, "post", f"{SOURCES}/{source.source_id}/test")

    assert told["success"] is False
    assert "127.0.0.1" in told["message"]
    assert (told["sample_count"], told["sample_data"]) == (0, [])


def test_logs_are_listed_the_newest_first(administrator: APIClient, db: None) -> None:
    source = a_source()
    SyncLog.objects.create(source=source, status=PullStatus.FAILED, error_message="no")
    SyncLog.objects.create(source=source, status=PullStatus.SUCCESS, resources_synced=3)
    SyncLog.objects.create(source=a_source())

    found = send(administrator, "get", f"{SOURCES}/{source.source_id}/sync-logs")

    assert [each["status"] for each in found["items"]] == ["success", "failed"]
    assert found["items"][0]["resources_synced"] == 3
    assert found["items"][1]["error_message"] == "no"
