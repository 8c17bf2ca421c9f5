import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state_difference import (
    MAX_LISTED,
    MAX_VALUE_LENGTH,
    ChangedResource,
    StateSummary,
    ValueChange,
    compare_states,
)

Captured = Callable[[str], bytes]


def state(*resources: dict[str, Any], serial: int = 1, **outputs: dict[str, Any]) -> bytes:
    """A state of lineage ``l-1`` with these resources and outputs."""
    return json.dumps(
        {
            "version": 4,
            "terraform_version": "1.9.5",
            "serial": serial,
            "lineage": "l-1",
            "outputs": outputs,
            "resources": resources,
        }
    ).encode()


def resource(name: str = "r", module: str = "", **instance: Any) -> dict[str, Any]:
    """A managed resource ``t.<name>`` with one instance of these members."""
    place = {"module": module} if module else {}
    return {"mode": "managed", "type": "t", "name": name, "instances": [instance], **place}


def marks(*names: str) -> list[list[dict[str, str]]]:
    """The ``sensitive_attributes`` of a state for parts of these attributes."""
    return [
        [{"type": "get_attr", "value": name}, {"type": "get_attr", "value": "x"}] for name in names
    ]


def test_resources_are_added_removed_and_changed() -> None:
    before = state(
        resource("kept", attributes={"id": "1", "size": 1, "colour": "red"}),
        resource("gone", attributes={"id": "2"}),
        resource("same", attributes={"id": "3"}),
    )
    after = state(
        resource("kept", attributes={"id": "1", "size": 2, "colour": "red", "tag": "x"}),
        resource("same", attributes={"id": "3"}),
        resource("new", module="module.a", attributes={"id": "4"}),
        serial=5,
    )
    difference = compare_states(before, after)

    assert difference.before == StateSummary("l-1", 1, "1.9.5", 3)
    assert difference.after == StateSummary("l-1", 5, "1.9.5", 3)
    assert (difference.added, difference.removed) == (("module.a.t.new",), ("t.gone",))
    sizes = (ValueChange("size", 1, 2), ValueChange("tag", None, "x"))
    assert difference.changed == (ChangedResource("t.kept", sizes),)
    assert difference.counts == {
        "added": 1,
        "removed": 1,
        "changed": 1,
        "tainted": 0,
        "outputs": 0,
    }
    assert not difference.is_empty


def test_a_state_does_not_differ_from_itself(captured: Captured) -> None:
    content = captured("state_terraform_1_15.tfstate")
    difference = compare_states(content, content)
    assert difference.is_empty
    assert difference.before == difference.after


def test_the_first_state_adds_all_there_is(captured: Captured) -> None:
    difference = compare_states(None, captured("state_terraform_1_15.tfstate"))
    assert difference.before is None
    assert difference.after is not None
    assert len(difference.added) == difference.after.resource_count == 13
    assert 'terraform_data.odd["$${x}"]' in difference.added
    assert [output.name for output in difference.outputs] == ["plain", "sec", "static"]


def test_no_state_at_all_is_no_difference() -> None:
    difference = compare_states(None, None)
    assert (difference.before, difference.after, difference.is_empty) == (None, None, True)


def test_what_a_real_state_marks_as_sensitive_is_not_shown(captured: Captured) -> None:
    after = captured("state_terraform_1_15.tfstate")
    difference = compare_states(after.replace(b"hunter22", b"hunter11"), after)
    hidden = ("***SENSITIVE***", "***SENSITIVE***")
    assert difference.outputs == (ValueChange("sec", *hidden, sensitive=True),)
    assert difference.changed[0].address == "terraform_data.one"
    assert difference.changed[0].attributes[0] == ValueChange("input", *hidden, sensitive=True)


@pytest.mark.parametrize(("before", "after"), [(["password"], []), ([], ["password"])])
def test_a_value_that_was_or_became_sensitive_is_masked_in_both(
    before: list[str], after: list[str]
) -> None:
    difference = compare_states(
        state(resource(attributes={"password": "a"}, sensitive_attributes=marks(*before))),
        state(resource(attributes={"password": "b"}, sensitive_attributes=marks(*after))),
    )
    change = difference.changed[0].attributes[0]
    assert (change.before, change.after) == ("***SENSITIVE***", "***SENSITIVE***")


def test_marks_that_cannot_be_read_hide_every_attribute() -> None:
    difference = compare_states(
        state(resource(attributes={"a": "secret-1", "b": 1})),
        state(resource(attributes={"a": "secret-2", "b": 2}, sensitive_attributes=[{"x": 1}])),
    )
    assert [change.sensitive for change in difference.changed[0].attributes] == [True, True]
    assert "secret" not in repr(difference)


def test_a_sensitive_output_is_named_but_not_shown() -> None:
    difference = compare_states(
        state(dsn={"value": "secret-1", "sensitive": True}, url={"value": "a"}),
        state(dsn={"value": "secret-2"}, url={"value": "b"}),
    )
    assert difference.outputs == (
        ValueChange("dsn", "***SENSITIVE***", "***SENSITIVE***", sensitive=True),
        ValueChange("url", "a", "b"),
    )


def test_an_output_that_is_null_differs_from_one_that_is_not_there() -> None:
    difference = compare_states(state(), state(empty={"value": None}))
    assert difference.outputs == (ValueChange("empty", None, None),)


def test_what_an_interrupted_apply_left_half_made_is_said() -> None:
    difference = compare_states(
        state(resource("old", attributes={"id": "1"}), resource("bad", status="tainted")),
        state(
            resource("old", attributes={"id": "1"}, status="tainted"),
            resource("bad", status="tainted"),
            resource("new", attributes={}, status="tainted"),
        ),
    )
    assert difference.tainted == ("t.old", "t.new")
    assert difference.added == ("t.new",)


def test_an_object_that_a_replacement_left_behind_is_said() -> None:
    two = resource("r", attributes={"id": "2"})
    two["instances"].append({"deposed": "1a2b3c4d", "attributes": {"id": "1"}})
    difference = compare_states(state(resource("r", attributes={"id": "1"})), state(two))
    assert difference.added == ("t.r (deposed object 1a2b3c4d)",)
    assert [change.address for change in difference.changed] == ["t.r"]


def test_data_sources_are_left_out() -> None:
    data = {**resource(attributes={"now": 1}), "mode": "data"}
    later = {**resource(attributes={"now": 2}), "mode": "data"}
    assert compare_states(state(data), state(later)).is_empty


def test_a_long_value_is_cut() -> None:
    long = {"words": ["word"] * 1000}
    difference = compare_states(
        state(resource(attributes={"a": 1})), state(resource(attributes={"a": long}))
    )
    shown = difference.changed[0].attributes[0].after
    assert shown == json.dumps(long)[:MAX_VALUE_LENGTH] + "…"


def test_long_lists_are_cut_and_their_counts_are_not() -> None:
    resources = [resource(f"r{n}", attributes={}) for n in range(20_000)]
    difference = compare_states(None, state(*resources))
    assert len(difference.added) == MAX_LISTED
    assert difference.counts["added"] == 20_000
    assert len(json.dumps(asdict(difference))) < 10_000


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(StateError):
        compare_states(None, b"{}")
