"""What one state has that another has not: resources by address, attributes by name, root outputs.

Made for people to read and to be sent as JSON: long lists and long values are cut, the counts are not.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from iacplatform.terraform.sensitivity import SENSITIVE
from iacplatform.terraform.state import attributes_of, load_state, managed_objects
from iacplatform.terraform.state_secrets import sensitive_names

MAX_LISTED = 100
"""Addresses, changed resources or outputs in one list."""
MAX_VALUE_LENGTH = 200
"""Characters of a value's JSON."""
TAINTED = "tainted"

Objects = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class StateSummary:
    """What a state is known by; ``resource_count`` counts managed objects, left-over ones too."""

    lineage: str
    serial: int
    terraform_version: str
    resource_count: int


@dataclass(frozen=True)
class ValueChange:
    """An attribute or root output that differs; ``None`` where it does not exist.

    The values of a sensitive one are :data:`~iacplatform.terraform.sensitivity.SENSITIVE`, a long one
    is the beginning of its JSON.
    """

    name: str
    before: Any
    after: Any
    sensitive: bool = False


@dataclass(frozen=True)
class ChangedResource:
    """A managed object that both states have, with the attributes that differ."""

    address: str
    attributes: tuple[ValueChange, ...]


@dataclass(frozen=True)
class StateDifference:
    """How ``after`` differs from ``before``; each is ``None`` where there was no state.

    Each list has at most :data:`MAX_LISTED` entries; ``counts`` has the length of each before it was
    cut. ``tainted`` are the objects that ``after`` newly marks as half made: the next apply replaces
    them.
    """

    before: StateSummary | None
    after: StateSummary | None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[ChangedResource, ...] = ()
    tainted: tuple[str, ...] = ()
    outputs: tuple[ValueChange, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether both states describe the same resources and outputs."""
        return not any(self.counts.values())


def compare_states(before: bytes | None, after: bytes | None) -> StateDifference:
    """Compares two states (format version 4); raises ``StateError`` where one is none.

    A whole attribute counts as sensitive if either state marks any part of it. Older engines do not
    mark what only the provider's schema calls sensitive: who shows values must know of those.
    """
    old, new = _loaded(before), _loaded(after)
    old_objects, new_objects = _objects(old), _objects(new)
    lists: dict[str, list[Any]] = {
        "added": [address for address in new_objects if address not in old_objects],
        "removed": [address for address in old_objects if address not in new_objects],
        "changed": list(_changed(old_objects, new_objects)),
        "tainted": list(newly_tainted(old_objects, new_objects)),
        "outputs": list(_changed_outputs(old, new)),
    }
    return StateDifference(
        before=summary_of(old, old_objects) if old else None,
        after=summary_of(new, new_objects) if new else None,
        counts={name: len(entries) for name, entries in lists.items()},
        **{name: tuple(entries[:MAX_LISTED]) for name, entries in lists.items()},
    )


def _loaded(content: bytes | None) -> dict[str, Any]:
    return {} if content is None else load_state(content)


def _objects(state: dict[str, Any]) -> Objects:
    return dict(managed_objects(state))


def summary_of(state: dict[str, Any], objects: Objects) -> StateSummary:
    """What a loaded state with these objects is known by."""
    return StateSummary(
        lineage=state["lineage"],
        serial=state["serial"],
        terraform_version=str(state.get("terraform_version") or ""),
        resource_count=len(objects),
    )


def _changed(before: Objects, after: Objects) -> Iterator[ChangedResource]:
    for address, instance in after.items():
        if address in before and (changes := _attributes(before[address], instance)):
            yield ChangedResource(address, changes)


def _attributes(before: dict[str, Any], after: dict[str, Any]) -> tuple[ValueChange, ...]:
    old, new = attributes_of(before), attributes_of(after)
    hidden = sensitive_names(before, old) | sensitive_names(after, new)
    return tuple(
        _change(name, old.get(name), new.get(name), sensitive=name in hidden)
        for name in _names(old, new)
        if old.get(name) != new.get(name)
    )


def newly_tainted(before: Objects, after: Objects) -> Iterator[str]:
    """Yields the addresses of the objects that only ``after`` marks as half made."""
    for address, instance in after.items():
        known = before.get(address, {})
        if instance.get("status") == TAINTED and known.get("status") != TAINTED:
            yield address


def _changed_outputs(before: dict[str, Any], after: dict[str, Any]) -> Iterator[ValueChange]:
    old, new = before.get("outputs") or {}, after.get("outputs") or {}
    for name in _names(old, new):
        was, now = old.get(name), new.get(name)
        values = [None if each is None else each.get("value") for each in (was, now)]
        if values[0] == values[1] and (was is None) == (now is None):
            continue
        sensitive = any(each is not None and bool(each.get("sensitive")) for each in (was, now))
        yield _change(name, *values, sensitive=sensitive)


def _names(old: dict[str, Any], new: dict[str, Any]) -> Iterable[str]:
    return dict.fromkeys([*old, *new])


def _change(name: str, before: Any, after: Any, *, sensitive: bool) -> ValueChange:
    return ValueChange(
        name,
        shown_value(before, sensitive=sensitive),
        shown_value(after, sensitive=sensitive),
        sensitive,
    )


def shown_value(value: Any, *, sensitive: bool = False) -> Any:
    """Returns the value as a :class:`ValueChange` has it: masked, or cut where it is long."""
    if value is None or sensitive:
        return None if value is None else SENSITIVE
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…"
