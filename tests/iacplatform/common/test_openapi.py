"""The OpenAPI document: one way to name, to page and to fail, for every operation."""

import re
from typing import Any

import pytest

from tests.openapi import Operation, document, operations

SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
PAGE = {"items", "total", "page", "page_size", "pages"}
# Of others' protocols, as their clients write it.
FOREIGN = re.compile(r"^(RunTaskCallback|Callback|OutcomeAttributes)")
# The reference gives these another name for `items`.
NAMED = {
    "workspaces_run_triggers_available_sources_list": "available_workspaces",
    "workspaces_run_triggers_available_targets_list": "available_workspaces",
}


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to."""
    while "$ref" in part:
        found: Any = document()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def lists() -> list[Operation]:
    """The operations that answer with pages."""
    return [each for *_, each in operations() if each["operationId"].endswith("_list")]


def parameters(operation: Operation) -> dict[tuple[str, str], dict[str, Any]]:
    """Place and name → parameter."""
    found = [resolved(each) for each in operation.get("parameters", [])]
    return {(each["in"], each["name"]): each for each in found}


def test_members_are_in_snake_case() -> None:
    schemas = document()["components"]["schemas"]
    wrong = {
        f"{name}.{member}"
        for name, schema in schemas.items()
        if not FOREIGN.match(name)
        for member in schema.get("properties", {})
        if not SNAKE.fullmatch(member)
    }

    assert wrong == set()


def test_paths_are_in_kebab_case_and_their_parameters_and_filters_in_snake_case() -> None:
    for _, path, operation in operations():
        for step in path.strip("/").split("/"):
            pattern = SNAKE if step.startswith("{") else KEBAB
            assert pattern.fullmatch(step.strip("{}")), path
        for place, name in parameters(operation):
            assert place == "header" or SNAKE.fullmatch(name), (path, name)


def test_what_is_listed_has_an_address_in_the_plural() -> None:
    uncountable = {"audit-log", "drift", "outbox", "remote-data", "resources-drift"}
    singular = {
        path
        for method, path, operation in operations()
        if operation["operationId"].endswith("_list")
        and not path.rpartition("/")[2].endswith("s")
        and path.rpartition("/")[2] not in uncountable
    }

    assert singular == set()


def test_operation_ids_are_one_each_and_begin_with_their_address() -> None:
    ids = [operation["operationId"] for *_, operation in operations()]

    assert len(ids) == len(set(ids))
    assert all(SNAKE.fullmatch(each) for each in ids)
    creating = {
        operation["operationId"]
        for method, _, operation in operations()
        if method == "post" and operation["operationId"].endswith("_create")
    }
    described = {
        name: each for *_, each in operations() if (name := each["operationId"]) in creating
    }
    assert all("201" in each["responses"] for each in described.values())


# Lists that grow for ever have no last page: each answer says where the next one begins.
CURSORS = {"audit_log_list"}


def test_every_list_has_the_same_pages() -> None:
    assert len(lists()) > 20
    for operation in lists():
        schema = resolved(operation["responses"]["200"]["content"]["application/json"]["schema"])
        name = operation["operationId"]
        if name in CURSORS:
            assert schema["properties"].keys() == {"items", "next"}
            assert ("query", "cursor") in parameters(operation)
            continue
        members = PAGE - {"items"} | {NAMED.get(name, "items")}
        assert schema["properties"].keys() >= members, name
        assert {("query", "page"), ("query", "page_size")} <= parameters(operation).keys()


def test_an_ordering_says_what_it_may_be() -> None:
    orderings = [
        found
        for operation in lists()
        if (found := parameters(operation).get(("query", "ordering")))
    ]

    assert orderings
    for each in orderings:
        schema = each["schema"]
        assert "enum" in schema or "enum" in schema.get("items", {}), each


def test_every_operation_may_fail_in_the_one_shape() -> None:
    error = {"$ref": "#/components/schemas/Error"}
    for method, path, operation in operations():
        responses = operation["responses"]
        assert {"401", "429", "500", "503", "default"} <= responses.keys(), (method, path)
        for status, response in responses.items():
            if status == "default" or status >= "400":
                content = resolved(response)["content"]
                assert content["application/json"]["schema"] == error, (method, path, status)


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("me", {"401", "403", "429"}),
        ("workspaces_list", {"400", "404"}),
        ("workspaces_retrieve", {"304", "404"}),
        ("workspaces_partial_update", {"400", "404", "409", "412", "413", "415", "423"}),
        ("workspaces_tasks_create", {"400", "404", "409", "422", "423"}),
        ("workspaces_destroy", {"404", "409", "412", "423"}),
    ],
)
def test_an_operation_says_how_it_may_fail(name: str, statuses: set[str]) -> None:
    (operation,) = [each for *_, each in operations() if each["operationId"] == name]

    assert statuses <= operation["responses"].keys()


def test_headers_are_where_they_are_taken_and_given() -> None:
    by_name = {each["operationId"]: each for *_, each in operations()}
    change, create = by_name["workspaces_partial_update"], by_name["workspaces_tasks_create"]
    read, login = by_name["workspaces_retrieve"], by_name["login"]

    assert ("header", "If-Match") in parameters(change)
    assert ("header", "If-None-Match") in parameters(read)
    assert ("header", "Idempotency-Key") in parameters(create)
    assert not any(place == "header" for place, _ in parameters(login))
    for operation in (change, read):
        assert "ETag" in operation["responses"]["200"]["headers"]
    assert "Idempotency-Replayed" in create["responses"]["201"]["headers"]
    for *_, operation in operations():
        for response in operation["responses"].values():
            if "description" in response and response != operation["responses"]["default"]:
                assert "X-Request-ID" in response["headers"]
    for name in ("Conflict", "TooManyRequests", "Unavailable"):
        assert "Retry-After" in document()["components"]["responses"][name]["headers"]


def found_by_fuzzing(name: str) -> dict[str, Any]:
    """The members of a component."""
    members: dict[str, Any] = document()["components"]["schemas"][name]["properties"]
    return members


def test_a_filter_of_yes_or_no_is_a_boolean_and_no_list_of_texts() -> None:
    (has_drift,) = [
        each
        for each in document()["paths"]["/api/v1/drift"]["get"]["parameters"]
        if each.get("name") == "has_drift"
    ]

    assert has_drift["schema"] == {"type": "boolean"}


def test_a_local_time_is_not_said_to_have_a_zone() -> None:
    start = found_by_fuzzing("DriftSettings")["drift_check_start_time"]

    assert "format" not in start
    assert re.search(start["pattern"], "07:00:00")


def test_what_an_indexed_resource_may_lack_is_nullable() -> None:
    members = found_by_fuzzing("IndexedResource")
    names = ("workspace_id", "workspace_name", "external_source_id", "external_source_name")

    assert all(members[name]["nullable"] for name in names)


def test_the_pattern_of_a_workspace_id_holds_for_the_whole_of_it() -> None:
    path = document()["paths"]["/api/v1/workspaces/{workspace_id}"]["get"]
    (pattern,) = [
        each["schema"]["pattern"]
        for each in path["parameters"]
        if each.get("name") == "workspace_id"
    ]

    assert re.search(pattern, "ws-1")
    assert re.search(pattern, "17")
    assert not re.search(pattern, "ws-1 and more")
