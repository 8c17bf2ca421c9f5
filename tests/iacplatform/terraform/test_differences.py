"""Where two values of a resource differ."""

from typing import Any

import pytest

from iacplatform.terraform.differences import differences
from iacplatform.terraform.sensitivity import SENSITIVE


def of(before: Any, after: Any) -> dict[str, tuple[Any, Any]]:
    found = differences(before, after, before, after)
    return {path: (each["before"], each["after"]) for path, each in found.items()}


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": (2, 3)}),
        (
            {"tags": {"x": "1"}},
            {"tags": {"x": "2", "y": "1"}},
            {"tags.x": ("1", "2"), "tags.y": (None, "1")},
        ),
        ({"tags": {"a b": "1"}}, {"tags": {}}, {'tags["a b"]': ("1", None)}),
        (
            {"rule": [{"port": 1}, {"port": 2}]},
            {"rule": [{"port": 1}, {"port": 3}]},
            {"rule[1].port": (2, 3)},
        ),
        ({"ids": ["a"]}, {"ids": ["a", "b"]}, {"ids": (["a"], ["a", "b"])}),
        ({"tags": None}, {"tags": {"a": "1"}}, {"tags": (None, {"a": "1"})}),
        ({"flag": True}, {"flag": 1}, {"flag": (True, 1)}),
        ({"same": [{}], "other": {"deep": [1]}}, {"same": [{}], "other": {"deep": [1]}}, {}),
        ({"new": None}, {}, {}),
    ],
)
def test_each_difference_has_its_path(before: Any, after: Any, found: Any) -> None:
    assert of(before, after) == found


@pytest.mark.parametrize(("before", "after"), [(None, {"a": 1}), ({"a": 1}, None)])
def test_what_came_or_went_as_a_whole_has_no_differences(before: Any, after: Any) -> None:
    assert of(before, after) == {}


def test_a_masked_value_that_differs_is_told_without_being_shown() -> None:
    found = differences(
        {"password": "old", "other": "same"},
        {"password": "new", "other": "same"},
        {"password": SENSITIVE, "other": SENSITIVE},
        {"password": SENSITIVE, "other": SENSITIVE},
    )

    assert found == {"password": {"before": SENSITIVE, "after": SENSITIVE}}


def test_the_keys_of_a_masked_map_are_no_paths() -> None:
    found = differences(
        {"map": {"a secret": 1}}, {"map": {"a secret": 2}}, {"map": SENSITIVE}, {"map": SENSITIVE}
    )

    assert list(found) == ["map"]
