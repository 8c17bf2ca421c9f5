import json
from typing import Any

import pytest

from iacplatform.terraform.sensitivity import SENSITIVE
from iacplatform.terraform.state_comparison import StateComparison, compare_loaded
from iacplatform.terraform.state_difference import MAX_LISTED, ChangedResource, ValueChange

JSON = dict[str, Any]


def state(*resources: JSON, **outputs: JSON) -> JSON:
    """A loaded state with these resources and outputs."""
    known = {"version": 4, "serial": 1, "lineage": "l-1", "terraform_version": "1.9.5"}
    return {**known, "outputs": outputs, "resources": list(resources)}


def resource(name: str, kind: str = "t", instance: JSON | None = None, **attributes: Any) -> JSON:
    """A managed resource ``<kind>.<name>`` whose one instance has these attributes."""
    instances = [{"attributes": attributes, **(instance or {})}]
    return {"mode": "managed", "type": kind, "name": name, "instances": instances}


def compare(before: JSON, after: JSON, *secrets: str) -> StateComparison:
    """Compares with these texts as secrets."""
    return compare_loaded(
        before, after, hides=lambda value: any(each in json.dumps(value) for each in secrets)
    )


def test_resources_are_added_changed_removed_and_the_rest_is_counted() -> None:
    before = state(resource("kept", size=1), resource("gone"), resource("same", size=1))
    after = state(resource("kept", size=2), resource("same", size=1), resource("new"))
    found = compare(before, after).resources
    assert (found.added, found.removed, found.unchanged) == (["t.new"], ["t.gone"], 1)
    assert found.changed == [ChangedResource("t.kept", (ValueChange("size", 1, 2),))]
    assert found.counts == {"added": 1, "changed": 1, "removed": 1, "tainted": 0}


def test_a_change_within_a_map_is_told_by_its_path() -> None:
    before = state(resource("r", tags={"a": "x" * 300, "owner": "ada"}, gone="1"))
    after = state(resource("r", tags={"a": "x" * 300, "owner": "bob"}, here="2"))
    (changed,) = compare(before, after).resources.changed
    assert changed.attributes == (
        ValueChange("tags.owner", "ada", "bob"),
        ValueChange("gone", "1", None),
        ValueChange("here", None, "2"),
    )


def test_outputs_are_added_changed_and_removed() -> None:
    before = state(gone={"value": 1}, kept={"value": "a"}, same={"value": 0})
    after = state(kept={"value": "b"}, same={"value": 0}, new={"value": None})
    found = compare(before, after).outputs
    assert found.added == [ValueChange("new", None, None)]
    assert found.changed == [ValueChange("kept", "a", "b")]
    assert found.removed == [ValueChange("gone", 1, None)]
    assert (found.unchanged, found.counts) == (1, {"added": 1, "changed": 1, "removed": 1})


@pytest.mark.parametrize(
    ("kind", "attributes", "marks"),
    [
        ("t", {"value": "one-secret"}, [[{"type": "get_attr", "value": "value"}]]),
        ("t", {"value": "one-secret"}, "marks that nobody can read"),
        ("t", {"password": "one-secret"}, []),
        ("t", {"settings": [{"api_key": "one-secret"}]}, []),
        ("random_password", {"result": "one-secret"}, []),
        ("t", {"dsn": "db://me:one-secret@host"}, []),
    ],
)
def test_what_is_marked_named_or_held_as_secret_is_masked(
    kind: str, attributes: JSON, marks: Any
) -> None:
    """F27: old engines do not mark what only the provider's schema calls sensitive."""
    before = state(resource("r", kind, **dict.fromkeys(attributes)))
    after = state(resource("r", kind, {"sensitive_attributes": marks}, **attributes))
    for pair in ((before, after), (after, before)):
        found = compare(*pair, "secret@host")
        assert [each.sensitive for each in found.resources.changed[0].attributes] == [True]
        assert "one-secret" not in repr(found)
        assert SENSITIVE in repr(found)


def test_a_sensitive_output_and_one_that_holds_a_secret_are_masked() -> None:
    after = state(dsn={"value": "hunter2", "sensitive": True}, url={"value": "a:hunter2"})
    found = compare(state(), after, "hunter2")
    assert [each.after for each in found.outputs.added] == [SENSITIVE, SENSITIVE]
    assert "hunter2" not in repr(found)


def test_the_key_of_an_instance_that_holds_a_secret_is_masked() -> None:
    keyed = resource("r", instance={"index_key": "hunter2"})
    found = compare(state(), state(keyed), "hunter2")
    assert found.resources.added == [f"t.r[{SENSITIVE}]"]


def test_what_an_apply_left_half_made_is_said() -> None:
    found = compare(state(resource("r")), state(resource("r", instance={"status": "tainted"})))
    assert (found.resources.tainted, found.resources.unchanged) == (["t.r"], 1)


def test_long_lists_are_cut_and_their_counts_are_not() -> None:
    old = state(*(resource(f"r{number}", size=1) for number in range(500)))
    new = state(*(resource(f"r{number}", size=2) for number in range(500)))
    found = compare(old, new).resources
    assert (len(found.changed), found.counts["changed"]) == (MAX_LISTED, 500)
    assert len(compare(state(), new).resources.added) == MAX_LISTED
