"""What a plan will do, read from the JSON of ``terraform show -json plan.out``.

Format versions 0.1 (Terraform 0.12) to 1.x, of Terraform and OpenTofu
(https://developer.hashicorp.com/terraform/internals/json-format). Rules of reference §0 and §5.6.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from iacplatform.terraform.differences import Differences, differences
from iacplatform.terraform.exceptions import PlanError
from iacplatform.terraform.sensitivity import (
    KNOWN_AFTER_APPLY,
    SENSITIVE,
    marked,
    replace_marked,
)

ResourceAction = Literal["create", "update", "delete", "replace", "read"]
OutputAction = Literal["create", "update", "delete"]

# Left out are `no-op` and `forget`: a forgotten object stays as it is and only leaves the state.
_RESOURCE_ACTIONS: dict[tuple[str, ...], ResourceAction] = {
    ("create",): "create",
    ("read",): "read",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("create", "forget"): "create",
    ("forget", "create"): "create",
}
_OUTPUT_ACTIONS: dict[str, OutputAction] = {
    "create": "create",
    "update": "update",
    "delete": "delete",
}
_UNCHANGED = (["no-op"], ["read"])


@dataclass(frozen=True)
class ResourceChange:
    """What happens to one resource; sensitive values are masked, unknown ones are marked.

    ``before`` and ``after`` are its attributes (``None`` where it does not exist). The address of
    an object that a failed replacement left behind ends in `` (deposed object <key>)``.
    """

    address: str
    resource_type: str
    name: str
    module_address: str
    mode: Literal["managed", "data"]
    action: ResourceAction
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True)
class DriftedResource(ResourceChange):
    """A resource that is no longer what the state says, and which of its values differ."""

    differences: Differences = field(default_factory=dict)


@dataclass(frozen=True)
class OutputChange:
    """What happens to a root output; ``before`` and ``after`` are ``None`` when it is sensitive."""

    name: str
    action: OutputAction
    before: Any
    after: Any
    sensitive: bool = False


@dataclass(frozen=True)
class PlanSummary:
    """What applying a plan does.

    ``add``, ``change`` and ``destroy`` count managed resources; a replacement is both an addition
    and a destruction. ``has_changes`` is also true where only outputs differ, or where resources
    are moved, imported or forgotten: the counts are zero then, yet an apply has the state to write.
    ``drifted`` is what was found to have been changed outside of Terraform.
    """

    add: int = 0
    change: int = 0
    destroy: int = 0
    has_changes: bool = False
    resource_changes: tuple[ResourceChange, ...] = ()
    output_changes: tuple[OutputChange, ...] = ()
    drifted: tuple[DriftedResource, ...] = ()


def summarise(plan_json: bytes) -> PlanSummary:
    """Reads a plan; raises :class:`PlanError` when the bytes are not one."""
    try:
        return _summary(_load(plan_json))
    except (LookupError, TypeError, AttributeError) as error:
        raise PlanError(f"The plan JSON lacks what Terraform always writes: {error!r}.") from error
    except RecursionError as error:
        raise PlanError("The plan JSON is nested too deeply to be read.") from error


def _load(plan_json: bytes) -> dict[str, Any]:
    if not plan_json.strip():
        raise PlanError("The plan JSON is empty.")
    try:
        plan = json.loads(plan_json)
    except ValueError as error:
        raise PlanError(f"The plan JSON is not JSON: {error}.") from error
    version = plan.get("format_version") if isinstance(plan, dict) else None
    if not isinstance(version, str):
        raise PlanError("The plan JSON has no format_version.")
    if version.split(".")[0] not in {"0", "1"}:
        raise PlanError(f"The plan JSON has format version {version}; 0.1 to 1.x can be read.")
    return dict(plan)


def _summary(plan: dict[str, Any]) -> PlanSummary:
    planned = plan.get("resource_changes") or []
    changes = _changes(planned)
    outputs = _output_changes(plan)
    counts = _counts(changes)
    return PlanSummary(
        add=counts["create"] + counts["replace"],
        change=counts["update"],
        destroy=counts["delete"] + counts["replace"],
        has_changes=bool(outputs) or any(_is_change(entry) for entry in planned),
        resource_changes=changes,
        output_changes=outputs,
        drifted=_drifted(plan.get("resource_drift") or []),
    )


def _counts(changes: tuple[ResourceChange, ...]) -> dict[ResourceAction, int]:
    counts: dict[ResourceAction, int] = dict.fromkeys(_RESOURCE_ACTIONS.values(), 0)
    for change in changes:
        if change.mode == "managed":
            counts[change.action] += 1
    return counts


def _is_change(entry: dict[str, Any]) -> bool:
    if entry["mode"] != "managed":
        return False
    change = entry["change"]
    if change["actions"] not in _UNCHANGED or change.get("importing"):
        return True
    return bool(entry.get("previous_address", entry["address"]) != entry["address"])


def _changes(entries: list[dict[str, Any]]) -> tuple[ResourceChange, ...]:
    return tuple(
        _resource_change(entry, action)
        for entry in entries
        if (action := _RESOURCE_ACTIONS.get(tuple(entry["change"]["actions"])))
    )


def _drifted(entries: list[dict[str, Any]]) -> tuple[DriftedResource, ...]:
    return tuple(
        _drifted_resource(entry, action)
        for entry in entries
        if (action := _RESOURCE_ACTIONS.get(tuple(entry["change"]["actions"])))
    )


def _drifted_resource(entry: dict[str, Any], action: ResourceAction) -> DriftedResource:
    change = _resource_change(entry, action)
    before, after = entry["change"].get("before"), entry["change"].get("after")
    found = differences(before, after, change.before, change.after)
    return DriftedResource(**vars(change), differences=found)


def _resource_change(entry: dict[str, Any], action: ResourceAction) -> ResourceChange:
    change = entry["change"]
    after = _mark_unknown(change.get("after"), change.get("after_unknown"))
    return ResourceChange(
        address=_address(entry),
        resource_type=entry["type"],
        name=entry["name"],
        module_address=entry.get("module_address", ""),
        mode="data" if entry["mode"] == "data" else "managed",
        action=action,
        before=_mask(change.get("before"), change.get("before_sensitive")),
        after=_mask(after, change.get("after_sensitive")),
    )


def _address(entry: dict[str, Any]) -> str:
    address: str = entry["address"]
    deposed = entry.get("deposed")
    return f"{address} (deposed object {deposed})" if deposed else address


def _mark_unknown(after: dict[str, Any] | None, unknown: Any) -> dict[str, Any] | None:
    if after is None:
        return None
    return dict(
        replace_marked(after, unknown if isinstance(unknown, dict) else {}, KNOWN_AFTER_APPLY)
    )


def _mask(attributes: dict[str, Any] | None, sensitive: Any) -> dict[str, Any] | None:
    if attributes is None:
        return None
    if sensitive is True:
        return dict.fromkeys(attributes, SENSITIVE)
    return dict(replace_marked(attributes, sensitive, SENSITIVE))


def _output_changes(plan: dict[str, Any]) -> tuple[OutputChange, ...]:
    declared = plan.get("configuration", {}).get("root_module", {}).get("outputs", {})
    changes = plan.get("output_changes") or {}
    return tuple(
        _output_change(name, change, declared.get(name, {}).get("sensitive") is True)
        for name, change in changes.items()
        if _output_differs(change)
    )


def _output_differs(change: dict[str, Any]) -> bool:
    if change["actions"][0] not in _OUTPUT_ACTIONS:
        return False
    if marked(change.get("after_unknown")):
        return True
    return _canonical(change.get("before")) != _canonical(change.get("after"))


def _canonical(value: Any) -> str:
    """Tells ``true`` from ``1``, which Python's own comparison takes for equal."""
    return json.dumps(value, sort_keys=True)


def _output_change(name: str, change: dict[str, Any], declared_sensitive: bool) -> OutputChange:
    action = _OUTPUT_ACTIONS[change["actions"][0]]
    # Plans of Terraform before 0.14 have no marks: there the declaration alone tells.
    marks = (change.get("before_sensitive"), change.get("after_sensitive"))
    if declared_sensitive or any(marked(mark) for mark in marks):
        return OutputChange(name, action, before=None, after=None, sensitive=True)
    after = replace_marked(change.get("after"), change.get("after_unknown"), KNOWN_AFTER_APPLY)
    return OutputChange(name, action, before=change.get("before"), after=after)
