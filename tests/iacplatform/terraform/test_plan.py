import json
from collections.abc import Callable
from typing import Any

import pytest

from iacplatform.terraform.exceptions import PlanError
from iacplatform.terraform.plan import PlanSummary, ResourceChange, summarise

Captured = Callable[[str], bytes]


def entry(*actions: str, **changes: Any) -> dict[str, Any]:
    """A change of the resource ``t.r``, as a plan has it; ``change_`` keys go into its change."""
    change = {key[7:]: changes.pop(key) for key in list(changes) if key.startswith("change_")}
    row = {"address": "t.r", "mode": "managed", "type": "t", "name": "r", **changes}
    return {**row, "change": {"actions": list(actions), "before": {}, "after": {}, **change}}


def plan(*entries: dict[str, Any], **changes: Any) -> PlanSummary:
    """The summary of a plan with these resource changes."""
    content = {"format_version": "1.2", "resource_changes": list(entries), **changes}
    return summarise(json.dumps(content).encode())


def output_plan(*actions: str, **change: Any) -> PlanSummary:
    """The summary of a plan with one change, of the output ``o``."""
    return plan(output_changes={"o": {"actions": list(actions), **change}})


def by_address(summary: PlanSummary) -> dict[str, ResourceChange]:
    return {change.address: change for change in summary.resource_changes}


def test_a_plan_of_terraform_1_15_is_counted_as_the_engine_counts(captured: Captured) -> None:
    """F24: the engine said "Plan: 5 to add, 1 to change, 9 to destroy."."""
    summary = summarise(captured("plan_terraform_1_15.json"))
    assert (summary.add, summary.change, summary.destroy) == (5, 1, 9)
    assert summary.has_changes


def test_a_plan_of_terraform_1_0_is_counted_as_the_engine_counts(captured: Captured) -> None:
    """The engine said "Plan: 4 to add, 0 to change, 5 to destroy."."""
    summary = summarise(captured("plan_terraform_1_0.json"))
    assert (summary.add, summary.change, summary.destroy) == (4, 0, 5)


def test_each_change_has_its_row_and_nothing_else_has(captured: Captured) -> None:
    """F24"""
    changes = by_address(summarise(captured("plan_terraform_1_15.json")))
    actions = {address: change.action for address, change in changes.items()}
    assert actions == {
        "data.terraform_remote_state.late": "read",
        'terraform_data.bad["a/b:c d@e"]': "create",
        "terraform_data.cbd": "replace",
        "terraform_data.count[0]": "replace",
        "terraform_data.count[1]": "replace",
        "terraform_data.dep": "create",
        "terraform_data.one": "update",
        **{
            f'terraform_data.odd["{key}"]': "delete"
            for key in [
                "$${x}",
                "a/b:c d@e",
                "back\\\\slash",
                "br]ack[et",
                "new\\nline",
                'quo\\"te',
            ]
        },
    }


def test_sensitive_values_are_masked_where_they_are(captured: Captured) -> None:
    change = by_address(summarise(captured("plan_terraform_1_15.json")))["terraform_data.one"]
    assert change.before is not None
    assert change.after is not None
    assert change.before["input"] == {"a": 1, "pw": "***SENSITIVE***"}
    assert change.after["input"] == {"a": 2, "pw": "***SENSITIVE***"}


def test_unknown_values_are_marked(captured: Captured) -> None:
    changes = by_address(summarise(captured("plan_terraform_1_15.json")))
    assert changes["terraform_data.dep"].after == {
        "triggers_replace": None,
        "id": "(known after apply)",
        "input": "(known after apply)",
        "output": "(known after apply)",
    }
    read = changes["data.terraform_remote_state.late"].after
    assert read is not None
    assert read["config"] == {"path": "(known after apply)"}


def test_what_is_created_has_no_before_and_what_is_deleted_no_after() -> None:
    created, deleted = plan(
        entry(
            "create", change_before=None, change_after={"a": 1}, change_after_unknown={"b": True}
        ),
        entry("delete", change_before={"a": 1}, change_after=None, change_after_unknown={}),
    ).resource_changes
    assert (created.before, created.after) == (None, {"a": 1, "b": "(known after apply)"})
    assert (deleted.before, deleted.after) == ({"a": 1}, None)


def test_output_changes_of_a_real_plan(captured: Captured) -> None:
    """S4-6"""
    changes = {o.name: o for o in summarise(captured("plan_terraform_1_15.json")).output_changes}
    assert set(changes) == {"new", "sec", "static"}
    assert (changes["new"].action, changes["new"].after) == ("create", "(known after apply)")
    assert (changes["static"].action, changes["static"].before) == ("delete", {"a": [1, 2]})
    secret = changes["sec"]
    assert (secret.sensitive, secret.before, secret.after) == (True, None, None)


@pytest.mark.parametrize("actions", [("delete", "create"), ("create", "delete")])
def test_a_replacement_in_either_order_is_both_added_and_destroyed(
    actions: tuple[str, ...],
) -> None:
    """F24"""
    summary = plan(entry(*actions))
    assert (summary.add, summary.change, summary.destroy) == (1, 0, 1)
    assert summary.resource_changes[0].action == "replace"


def test_a_read_is_shown_but_changes_nothing() -> None:
    """F24"""
    summary = plan(entry("read", mode="data", address="data.t.r"))
    assert (summary.add, summary.change, summary.destroy, summary.has_changes) == (0, 0, 0, False)
    assert summary.resource_changes[0].mode == "data"


def test_a_plan_without_differences_has_no_changes() -> None:
    assert plan(entry("no-op")) == PlanSummary()


@pytest.mark.parametrize(
    "change",
    [
        entry("no-op", previous_address="t.old"),
        entry("no-op", change_importing={"id": "abc"}),
        entry("forget"),
    ],
)
def test_what_only_the_state_is_to_learn_has_to_be_applied_but_is_not_counted(
    change: dict[str, Any],
) -> None:
    summary = plan(change)
    assert summary == PlanSummary(has_changes=True)


def test_a_replacement_that_forgets_the_old_object_only_adds() -> None:
    summary = plan(entry("forget", "create"))
    assert (summary.add, summary.change, summary.destroy) == (1, 0, 0)


def test_an_action_that_is_not_known_yet_still_asks_for_an_apply() -> None:
    assert plan(entry("transmogrify")).has_changes


def test_a_deposed_object_has_an_address_of_its_own(captured: Captured) -> None:
    changes = by_address(summarise(captured("plan_terraform_1_0.json")))
    assert changes["null_resource.bad"].action == "replace"
    assert changes["null_resource.bad (deposed object a02b892c)"].action == "delete"


@pytest.mark.parametrize(
    ("actions", "change", "differs"),
    [
        (("create",), {"before": None, "after": 1}, True),
        (("update",), {"before": {"a": [1, {"b": 2}]}, "after": {"a": [1, {"b": 3}]}}, True),
        (("update",), {"before": {"a": 1, "b": 2}, "after": {"b": 2, "a": 1}}, False),
        (("update",), {"before": True, "after": 1}, True),
        (("update",), {"before": "1", "after": 1}, True),
        (("update",), {"before": 1, "after": None, "after_unknown": True}, True),
        (("update",), {"before": {"a": 1}, "after": {}, "after_unknown": {"a": True}}, True),
        (("update",), {"before": 1, "after": 1, "after_unknown": False}, False),
        (("create",), {"before": None, "after": None, "after_unknown": False}, False),
        (("no-op",), {"before": 1, "after": 1}, False),
        (("delete",), {"before": 1, "after": None}, True),
    ],
)
def test_an_output_changes_when_its_value_really_differs(
    actions: tuple[str, ...], change: dict[str, Any], differs: bool
) -> None:
    """S4-6"""
    summary = output_plan(*actions, **change)
    assert summary.has_changes is differs
    assert len(summary.output_changes) == differs


def test_the_unknown_part_of_an_output_is_marked() -> None:
    summary = output_plan("create", before=None, after={"b": True}, after_unknown={"a": True})
    assert summary.output_changes[0].after == {"a": "(known after apply)", "b": True}


@pytest.mark.parametrize("mark", ["before_sensitive", "after_sensitive"])
def test_an_output_that_was_or_will_be_sensitive_shows_no_value(mark: str) -> None:
    change = output_plan("update", before="x", after="y", **{mark: True}).output_changes[0]
    assert (change.sensitive, change.before, change.after) == (True, None, None)


def test_a_plan_without_marks_takes_the_declaration_of_a_sensitive_output() -> None:
    summary = plan(
        format_version="0.1",
        output_changes={"o": {"actions": ["create"], "before": None, "after": "secret"}},
        configuration={"root_module": {"outputs": {"o": {"sensitive": True}}}},
    )
    assert summary.output_changes[0].after is None
    assert summary.output_changes[0].sensitive


def test_drift_is_read_from_resource_drift() -> None:
    """F43"""
    drift = entry(
        "update", change_before={"a": 1}, change_after={"a": 2}, module_address="module.m"
    )
    summary = plan(resource_changes=None, resource_drift=[drift, entry("no-op")])
    assert [change.after for change in summary.drifted] == [{"a": 2}]
    assert summary.drifted[0].module_address == "module.m"
    assert summary.drifted[0].differences == {"a": {"before": 1, "after": 2}}
    assert not summary.has_changes


def test_drifted_values_are_masked_as_well() -> None:
    """That a secret differs is told, but neither of its values."""
    drift = entry(
        "update",
        change_before={"p": "x"},
        change_after={"p": "y"},
        change_before_sensitive={"p": True},
        change_after_sensitive={"p": True},
    )
    masked = "***SENSITIVE***"
    found = plan(resource_drift=[drift]).drifted[0]
    assert found.before == {"p": masked}
    assert found.differences == {"p": {"before": masked, "after": masked}}


def test_a_resource_that_is_gone_has_drifted_as_a_whole() -> None:
    drift = entry("delete", change_before={"a": 1}, change_after=None)
    found = plan(resource_drift=[drift]).drifted[0]
    assert (found.action, found.differences) == ("delete", {})


@pytest.mark.parametrize("version", ["0.1", "0.2", "1.0", "1.1", "1.2", "1.9"])
def test_every_format_version_from_0_1_to_1_x_is_read(version: str) -> None:
    assert plan(entry("create"), format_version=version).add == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"Error: no plan", "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b"[]", "no format_version"),
        (b"{}", "no format_version"),
        (b'{"format_version": "2.0"}', "format version 2.0"),
        (b'{"format_version": "1.2", "resource_changes": [{}]}', "lacks what Terraform"),
        (b'{"format_version": "1.2", "resource_changes": [1]}', "lacks what Terraform"),
        (b'{"format_version": "1.2", "output_changes": {"a": {"actions": []}}}', "lacks what"),
        (b'{"format_version": "1.2", "x": ' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_a_plan_is_an_error_and_never_no_changes(content: bytes, sentence: str) -> None:
    """M1"""
    with pytest.raises(PlanError, match=sentence):
        summarise(content)


def test_twenty_thousand_resources_are_read() -> None:
    tags = {f"k{number}": "v" * 40 for number in range(10)}
    row = entry(
        "update",
        change_before={"id": "i-1", "tags": tags, "secret": "x"},
        change_after={"id": "i-1", "tags": tags, "secret": "y", "rules": [{"a": 1}] * 3},
        change_after_unknown={"arn": True, "tags": {}, "rules": [{}, {}, {}]},
        change_before_sensitive={"secret": True, "tags": {}},
        change_after_sensitive={"secret": True, "tags": {}, "rules": [{}, {}, {}]},
    )
    content = json.dumps({"format_version": "1.2", "resource_changes": [row] * 20_000}).encode()
    assert summarise(content).change == 20_000
