"""What a check says of what a plan found."""

import json
from typing import Any

import pytest

from executor.outputs import _drifted
from iacplatform.terraform.plan import summarise
from workspaces.drift.models import DriftIgnoreRule, Severity, severity_of, worst
from workspaces.drift.services.report import Owner, Report, build_report

NETWORK = Owner("aws_vpc.main", "aws_vpc", "main")


def drift(address: str, before: Any, after: Any, *actions: str, **change: Any) -> dict[str, Any]:
    """An entry of ``resource_drift``, as Terraform writes it."""
    *_, kind, name = address.partition("[")[0].split(".")
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name,
        "change": {
            "actions": list(actions or ["update"]),
            "before": before,
            "after": after,
            "after_unknown": {},
            "before_sensitive": {},
            "after_sensitive": {},
            **change,
        },
    }


def report(
    *entries: dict[str, Any], owners: dict[str, Owner] | None = None, **rules: Any
) -> Report:
    """The report of a plan with this drift; ``rules`` maps a rule's id to its two patterns."""
    plan = {"format_version": "1.2", "resource_drift": list(entries)}
    found = summarise(json.dumps(plan).encode()).drifted
    ignored = [
        DriftIgnoreRule(rule_id=name, address_pattern=address, attribute_path=path)
        for name, (address, path) in rules.items()
    ]
    return build_report([_drifted(each) for each in found], owners or {}, ignored)


GONE = drift("aws_eip.one", {"id": "1"}, None, "delete")
OTHER = drift("aws_eip.two", {"id": "1"}, {"id": "2"})
CHANGED = drift("aws_eip.three", {"size": 1, "tags": {"a": "1"}}, {"size": 2, "tags": {"a": "2"}})
TAGGED = drift(
    "aws_eip.four",
    {"tags": {"a": "1"}, "tags_all": None},
    {"tags": {"a": "2"}, "tags_all": {"a": "2"}},
)


@pytest.mark.parametrize(
    ("entry", "severity"),
    [
        (GONE, Severity.DESTROYED),
        (OTHER, Severity.REPLACED),
        (drift("a.b", {"x": 1}, {"x": 2}, "delete", "create"), Severity.REPLACED),
        (CHANGED, Severity.CHANGED),
        (TAGGED, Severity.TAGS_ONLY),
        (drift("g.b", {"labels": {"a": "1"}}, {"labels": {}}), Severity.TAGS_ONLY),
        (drift("g.b", {"tagset": 1}, {"tagset": 2}), Severity.CHANGED),
        (drift("g.b", {"same": 1}, {"same": 1}), Severity.CHANGED),
    ],
)
def test_each_kind_of_drift_has_its_severity(entry: dict[str, Any], severity: Severity) -> None:
    assert report(entry).severity == severity


def test_the_worst_severity_is_that_of_the_whole() -> None:
    found = report(TAGGED, CHANGED, OTHER, GONE)

    assert found.severity == "destroyed"
    assert found.severities == {"destroyed": 1, "replaced": 1, "changed": 1, "tags_only": 1}
    assert [worst(pair) for pair in (["changed", "replaced"], ["tags_only"], [])] == [
        "replaced",
        "tags_only",
        "",
    ]
    assert severity_of("update", []) == Severity.CHANGED


def test_objects_stand_below_the_resource_of_the_workspace_that_has_their_module() -> None:
    inside = 'module.aws_vpc_main["a.b"].module.subnets[0].aws_subnet.each'
    found = report(
        drift(inside, {"x": 1}, {"x": 2}),
        drift("module.aws_vpc_main.aws_vpc.this", {"x": 1}, {"x": 2}),
        owners={"module.aws_vpc_main": NETWORK},
    )

    (resource,) = found.resources
    assert (resource["resource_id"], resource["address"]) == ("aws_vpc.main", "module.aws_vpc_main")
    assert [child["address"] for child in resource["drifted_children"]] == [
        inside,
        "module.aws_vpc_main.aws_vpc.this",
    ]
    assert found.drift_count == 1


def test_resources_of_the_root_and_modules_of_nobody_are_told_as_well() -> None:
    """F43: root resources included."""
    found = report(
        drift("aws_vpc.main[0]", {"x": 1}, {"x": 2}),
        drift("aws_vpc.main[1]", {"x": 1}, {"x": 2}),
        drift("aws_vpc.other", {"x": 1}, {"x": 2}),
        drift("module.stranger.aws_vpc.this", {"x": 1}, {"x": 2}),
        owners={"aws_vpc.main": NETWORK},
    )

    told = [(each["address"], each["resource_id"]) for each in found.resources]
    assert told == [
        ("aws_vpc.main", "aws_vpc.main"),
        ("aws_vpc.other", None),
        ("module.stranger", None),
    ]
    assert len(found.resources[0]["drifted_children"]) == 2
    assert found.drift_count == 3


def test_a_child_names_what_differs_and_hides_what_is_sensitive() -> None:
    secret = {"before_sensitive": {"key": True}, "after_sensitive": {"key": True}}
    found = report(drift("a.b", {"size": 1, "key": "x"}, {"size": 2, "key": "y"}, **secret))

    masked = "***SENSITIVE***"
    assert found.resources[0]["drifted_children"][0]["changes"] == {
        "size": {"before": 1, "after": 2},
        "key": {"before": masked, "after": masked},
    }


def test_what_a_rule_ignores_is_listed_and_does_not_count() -> None:
    found = report(CHANGED, GONE, everything=("aws_eip.*", ""))

    assert (found.drift_count, found.severity, found.ignored_count) == (0, "", 2)
    assert found.fingerprints == []
    children = [each["drifted_children"][0] for each in found.resources]
    assert [child["ignored_by"] for child in children] == ["everything", "everything"]
    assert not any(each["has_drift"] for each in found.resources)


def test_a_rule_for_an_attribute_leaves_the_others() -> None:
    found = report(CHANGED, size=("*", "size"))

    child = found.resources[0]["drifted_children"][0]
    assert (child["severity"], child["ignored_paths"]) == ("tags_only", ["size"])
    assert found.drift_count == 1


def test_an_object_whose_every_difference_is_ignored_is_ignored() -> None:
    found = report(CHANGED, GONE, size=("*", "size"), tags=("*", "tags"))

    assert (found.ignored_count, found.severity) == (1, "destroyed")


def test_a_fingerprint_stays_until_something_else_differs() -> None:
    first, again = report(CHANGED, GONE), report(GONE, CHANGED)
    more = report(CHANGED, GONE, TAGGED)
    other = report(drift("aws_eip.three", {"size": 1}, {"size": 3}), GONE)

    assert (first.fingerprints, first.fingerprint) == (again.fingerprints, again.fingerprint)
    assert set(first.fingerprints) < set(more.fingerprints)
    assert len(set(other.fingerprints) - set(first.fingerprints)) == 1


def test_ten_thousand_drifted_objects_are_reported() -> None:
    entries = [
        drift(f"module.m{number % 50}.a.b[{number}]", {"x": -1}, {"x": number})
        for number in range(10_000)
    ]

    assert report(*entries, rule=("module.m1.*", "x")).drift_count == 49
