"""What the sandbox says of a plan: which resources it would change."""

from typing import Any

LISTED = 50
LEVELS = {"passed": ("Passed", "info"), "failed": ("Failed", "error")}


def describe(plan: dict[str, Any] | None) -> str:
    """A sentence about a plan (``show -json``), ``None`` where there is none yet."""
    if plan is None:
        return "There is no plan yet"
    count = len(_changes(plan))
    return f"The plan changes {count} resource{'' if count == 1 else 's'}"


def outcome(status: str, plan: dict[str, Any] | None) -> dict[str, Any]:
    """A JSON:API outcome about a plan, with the tags that consoles show specially."""
    label, level = LEVELS[status]
    return {
        "type": "task-result-outcomes",
        "attributes": {
            "outcome-id": "SANDBOX-1",
            "description": describe(plan),
            "body": "\n".join(["### What was looked at", "", *_listed(_changes(plan or {}))]),
            "tags": {
                "Status": [{"label": label, "level": level}],
                "Service": [{"label": "sandbox"}],
            },
        },
    }


def _changes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    resources = plan.get("resource_changes", [])
    return [each for each in resources if each["change"]["actions"] != ["no-op"]]


def _listed(changes: list[dict[str, Any]]) -> list[str]:
    lines = [
        f"- {'/'.join(each['change']['actions'])} `{each['address']}`" for each in changes[:LISTED]
    ]
    if len(changes) > LISTED:
        lines.append(f"- and {len(changes) - LISTED} more")
    return lines or ["nothing"]
