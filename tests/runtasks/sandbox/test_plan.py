"""What the sandbox says of a plan."""

from typing import Any

from runtasks.sandbox.plan import describe, outcome


def plan_of(*changes: tuple[str, list[str]]) -> dict[str, Any]:
    rows = [{"address": address, "change": {"actions": actions}} for address, actions in changes]
    return {"resource_changes": rows}


def test_what_stays_as_it_is_is_not_counted() -> None:
    plan = plan_of(
        ("a.new", ["create"]), ("a.same", ["no-op"]), ("a.replaced", ["delete", "create"])
    )

    assert describe(plan) == "The plan changes 2 resources"
    body = outcome("passed", plan)["attributes"]["body"]
    assert body.splitlines()[2:] == ["- create `a.new`", "- delete/create `a.replaced`"]


def test_a_stage_without_a_plan_has_an_outcome_too() -> None:
    assert describe(None) == "There is no plan yet"
    assert outcome("failed", None)["attributes"]["tags"]["Status"] == [
        {"label": "Failed", "level": "error"}
    ]


def test_one_resource_is_not_several() -> None:
    assert describe(plan_of(("a.new", ["create"]))) == "The plan changes 1 resource"


def test_a_large_plan_is_listed_in_part() -> None:
    plan = plan_of(*[(f"a.many[{number}]", ["create"]) for number in range(60)])

    lines = outcome("passed", plan)["attributes"]["body"].splitlines()

    assert len(lines) == 2 + 50 + 1
    assert lines[-1] == "- and 10 more"
