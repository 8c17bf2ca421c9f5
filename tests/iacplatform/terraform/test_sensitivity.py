from typing import Any

import pytest

from iacplatform.terraform.sensitivity import marked, replace_marked


@pytest.mark.parametrize("marks", [True, {"a": [{}, {"b": True}]}, [False, True]])
def test_a_mark_anywhere_is_found(marks: Any) -> None:
    assert marked(marks)


@pytest.mark.parametrize("marks", [None, False, {}, [], {"a": [{}, False]}, "true", 1])
def test_only_true_is_a_mark(marks: Any) -> None:
    assert not marked(marks)


@pytest.mark.parametrize(
    ("value", "marks", "replaced"),
    [
        ("x", True, "#"),
        ("x", False, "x"),
        (None, True, "#"),
        ({"a": 1, "b": 2}, {"a": True}, {"a": "#", "b": 2}),
        ({"b": 2}, {"a": True}, {"b": 2, "a": "#"}),
        ({"a": [1, {"b": 2, "c": 3}]}, {"a": [False, {"b": True}]}, {"a": [1, {"b": "#", "c": 3}]}),
        ([1, 2, 3], [False, True], [1, "#", 3]),
        ([1], [False, True], [1, "#"]),
        (None, {"a": {"b": True}}, {"a": {"b": "#"}}),
        ({"a": None}, {"a": [True]}, {"a": ["#"]}),
    ],
)
def test_marked_parts_are_replaced_and_nothing_else(value: Any, marks: Any, replaced: Any) -> None:
    assert replace_marked(value, marks, "#") == replaced


@pytest.mark.parametrize(
    ("value", "marks"), [(["secret"], {"a": True}), ({"a": "secret"}, [True]), ("secret", [True])]
)
def test_a_part_whose_marks_have_another_shape_is_replaced_as_a_whole(
    value: Any, marks: Any
) -> None:
    assert replace_marked(value, marks, "#") == "#"


def test_the_value_itself_stays_as_it_was() -> None:
    value = {"a": {"b": 1}}
    replace_marked(value, {"a": {"b": True}}, "#")
    assert value == {"a": {"b": 1}}
