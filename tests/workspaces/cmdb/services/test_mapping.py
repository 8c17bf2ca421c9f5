"""Rows from what external sources answer."""

import json
from typing import Any

import pytest

from tests.workspaces.cmdb.inventories import a_source, item
from workspaces.cmdb.services.mapping import AnswerError, Inventory, read_inventory

pytestmark = pytest.mark.django_db


def read(document: Any, **fields: Any) -> Inventory:
    return read_inventory(a_source(**fields), json.dumps(document).encode())


def wrapped(*items: Any) -> Any:
    return {"data": {"items": items}}


def test_fields_are_mapped_and_the_rest_is_the_sources() -> None:
    found = item(
        "vm-1", labels={"env": "prod", "n": 3, "no": None}, meta={"text": "a box", "cpu": 4}
    )

    row = read(wrapped(found), region="dc-2", account_id="42", account_name="office").rows["vm-1"]

    assert (row.resource_type, row.resource_name) == ("vm", "name of vm-1")
    assert (row.cloud_resource_id, row.cloud_resource_name) == ("vm-1", "name of vm-1")
    assert row.description == "a box"
    assert row.tags == {"env": "prod", "n": "3"}
    assert row.attributes == {"text": "a box", "cpu": 4}
    assert (row.provider, row.cloud_provider, row.cloud_region) == ("vsphere", "vsphere", "dc-2")
    assert (row.cloud_account_id, row.cloud_account_name) == ("42", "office")


def test_an_item_of_which_nothing_is_mapped_is_known_by_its_key() -> None:
    row = read([{"id": 7}], response_path="$", field_mapping={}).rows["7"]

    assert (row.cloud_resource_id, row.resource_name, row.cloud_resource_name) == ("7", "7", "7")


@pytest.mark.parametrize(
    "tags",
    [
        {"Env": "prod"},
        [{"Key": "Env", "Value": "prod"}],
        [{"key": "Env", "value": "prod"}, "nonsense", {"value": "lost"}],
    ],
)
def test_tags_are_an_object_or_a_list_of_keys_and_values(tags: Any) -> None:
    assert read(wrapped(item("a", labels=tags))).rows["a"].tags == {"Env": "prod"}


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("$", [item("a"), item("b")]),
        ("$.data.items", wrapped(item("a"), item("b"))),
        ("$.groups[*].vms[*]", {"groups": [{"vms": [item("a")]}, {"vms": [item("b")]}]}),
        ("$..vms[*]", {"x": {"vms": [item("a"), item("b")]}}),
        ("$[?@.kind == 'vm']", [item("a"), item("b"), item("c", kind="lb")]),
    ],
)
def test_a_path_leads_to_a_list_or_to_the_items(path: str, document: Any) -> None:
    assert list(read(document, response_path=path).rows) == ["a", "b"]


def test_an_empty_list_is_an_empty_inventory() -> None:
    assert read(wrapped()).rows == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"data": {}}', "leads to nothing"),
        (b'{"error": "no"}', "leads to nothing"),
    ],
)
def test_an_answer_of_another_shape_is_an_error(body: bytes, reason: str) -> None:
    """Not an empty inventory, which would delete all rows."""
    with pytest.raises(AnswerError, match=reason):
        read_inventory(a_source(), body)


def test_items_that_cannot_be_rows_are_left_out_and_counted() -> None:
    inventory = read(
        wrapped(
            item("a"), {"name": "no key"}, "text", {"id": {"b": 1}}, item("b", kind="lb"), item("a")
        ),
        resource_type_filter="vm",
    )

    assert list(inventory.rows) == ["a"]
    assert (
        inventory.message
        == "Left out: 3 without a key, 1 of another type, 1 with the key of a later one."
    )


def test_what_is_called_a_secret_is_not_kept() -> None:
    row = read(wrapped(item("a", meta={"text": "x", "admin_password": "hunter2"}))).rows["a"]

    assert row.attributes == {"text": "x"}


def test_what_postgresql_cannot_store_is_replaced() -> None:
    row = next(iter(read(wrapped(item("a\0", name="\ud800b", meta={"\0": "\0"}))).rows.values()))

    assert row.primary_key_value == "a\ufffd"
    row.save()
