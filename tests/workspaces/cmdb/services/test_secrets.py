"""Sensitive parts are dropped, wherever they are."""

from typing import Any

import pytest

from tests.workspaces.cmdb.states import attr
from workspaces.cmdb.services.secrets import Secrets, without_sensitive


def left(attributes: dict[str, Any], *paths: Any, secrets: tuple[str, ...] = ()) -> dict[str, Any]:
    marks = list(paths)
    return without_sensitive(attributes, "aws_x", marks, Secrets(list(secrets)))


def test_what_a_path_leads_to_is_dropped() -> None:
    attributes = {"id": "i", "code": "1234", "block": [{"a": "x", "b": "yyyy"}, {"b": "z"}]}

    assert left(attributes, attr("code"), attr("block", 0, "b")) == {
        "id": "i",
        "block": [{"a": "x"}, {"b": "z"}],
    }


def test_the_key_of_a_map_is_followed_too() -> None:
    key = {"type": "index", "value": {"value": "b.c", "type": "string"}}

    assert left({"m": {"a": "1", "b.c": "2"}}, [*attr("m"), key]) == {"m": {"a": "1"}}


def test_an_element_of_a_list_leaves_its_place() -> None:
    assert left({"list": ["a", "bbbb"]}, attr("list", 1)) == {"list": ["a", None]}


def test_an_attribute_of_no_fixed_type_is_followed_into_its_value() -> None:
    untyped = {"value": {"a": "1", "code": "2"}, "type": ["object", {"a": "string"}]}

    assert left({"input": untyped}, attr("input", "code"))["input"]["value"] == {"a": "1"}


@pytest.mark.parametrize(
    "path",
    [
        attr("input", "value"),
        attr("input", "type"),
        attr("input", 7),
        attr("input", "value", "code"),
    ],
)
def test_where_it_is_not_certain_what_a_path_leads_to_everything_there_is_dropped(
    path: list[Any],
) -> None:
    untyped = {"value": {"type": "hunter2"}, "type": ["object", {"type": "string"}]}

    assert "hunter2" not in str(left({"id": "i", "input": untyped}, path))


@pytest.mark.parametrize("path", [attr("gone"), [], "text", [7], attr(0)])
def test_a_path_that_leads_nowhere_drops_everything(path: Any) -> None:
    assert left({"id": "i", "code": "hunter2"}, path) == {}


def test_marks_that_are_no_list_drop_everything() -> None:
    assert without_sensitive({"id": "i"}, "aws_x", {"a": 1}, Secrets([])) == {}


def test_a_text_that_is_marked_is_dropped_where_the_resource_has_it_again() -> None:
    """What a provider computes from a sensitive attribute is not marked by the engine."""
    attributes = {
        "input": {"code": "hunter2"},
        "output": {"code": "hunter2", "a": 1},
        "all": ["hunter2", "b"],
    }

    assert left(attributes, attr("input", "code")) == {
        "input": {},
        "output": {"a": 1},
        "all": ["b"],
    }


@pytest.mark.parametrize(
    "name",
    ["password", "master_user_passwd", "private_key_pem", "SecretString", "api_key", "auth_token"],
)
def test_what_is_called_a_secret_is_dropped_without_a_mark(name: str) -> None:
    """Older engines do not mark what only the provider's schema calls sensitive."""
    assert left({"id": "i", name: "hunter2", "deep": [{name: "hunter2", "a": 1}]}) == {
        "id": "i",
        "deep": [{"a": 1}],
    }


def test_of_a_resource_that_is_a_secret_only_what_it_is_known_by_is_kept() -> None:
    attributes = {"id": "none", "result": "hunter2", "bcrypt_hash": "$2a$", "tags": {"Team": "a"}}

    assert without_sensitive(attributes, "random_password", [], Secrets([])) == {
        "id": "none",
        "tags": {"Team": "a"},
    }


@pytest.mark.parametrize(
    ("secret", "value"),
    [
        ("hunter2hunter", "postgres://user:hunter2hunter@host"),
        ("hunter2hunter", ["a", {"b": "hunter2hunter"}]),
        ('line\nwith "quotes"', 'before line\nwith "quotes" after'),
        ('line\nwith "quotes"', '{"in": "line\\nwith \\"quotes\\""}'),
        ('{ user = "admin", word = "hunter2" }', "hunter2"),
        ('["dollar$${x}"]', "dollar${x}"),
        ("123456", 123456),
    ],
)
def test_an_attribute_that_holds_a_sensitive_variable_is_dropped(secret: str, value: Any) -> None:
    assert left({"id": "i", "url": value}, secrets=(secret,)) == {"id": "i"}


def test_what_holds_no_secret_stays() -> None:
    attributes = {"id": "i", "url": "postgres://host", "n": 1, "none": None, "flag": True}

    assert left(attributes, secrets=("hunter2hunter",)) == attributes
