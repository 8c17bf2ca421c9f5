"""Two states of a workspace side by side, for people: what was added, changed and removed between them.

Where :mod:`~iacplatform.terraform.state_difference` tells what an interrupted apply did, and shows of it
what its plan has shown, there is no plan here: what may be secret is found in the states themselves.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from iacplatform.terraform.differences import differences
from iacplatform.terraform.sensitivity import SENSITIVE
from iacplatform.terraform.state import attributes_of, managed_objects
from iacplatform.terraform.state_difference import (
    MAX_LISTED,
    ChangedResource,
    StateSummary,
    ValueChange,
    newly_tainted,
    shown_value,
    summary_of,
)
from iacplatform.terraform.state_secrets import hidden_attributes

KEYS = re.compile(r"\[.*\]", re.DOTALL)
Hides = Callable[[Any], bool]
"""Says whether there is a secret in a value."""
Object = tuple[str, dict[str, Any]]
"""The type of a resource, and one of its objects as the state has it."""


@dataclass(frozen=True)
class ComparedResources:
    """Managed objects by address; lists have at most :data:`MAX_LISTED` entries, ``counts`` all."""

    added: Sequence[str]
    changed: Sequence[ChangedResource]
    removed: Sequence[str]
    tainted: Sequence[str]
    unchanged: int
    counts: dict[str, int]


@dataclass(frozen=True)
class ComparedOutputs:
    """Root outputs by name; what was added has no ``before``, what was removed no ``after``."""

    added: Sequence[ValueChange]
    changed: Sequence[ValueChange]
    removed: Sequence[ValueChange]
    unchanged: int
    counts: dict[str, int]


@dataclass(frozen=True)
class StateComparison:
    """How ``after`` differs from ``before``."""

    before: StateSummary
    after: StateSummary
    resources: ComparedResources
    outputs: ComparedOutputs


def compare_loaded(
    before: dict[str, Any], after: dict[str, Any], *, hides: Hides
) -> StateComparison:
    """Compares two loaded states; where ``hides`` says so, neither a value nor an address is shown."""
    old, new = dict(managed_objects(before)), dict(managed_objects(after))
    return StateComparison(
        summary_of(before, old),
        summary_of(after, new),
        resources=_resources(_typed(before), _typed(after), hides),
        outputs=_outputs(before.get("outputs") or {}, after.get("outputs") or {}, hides),
    )


def _typed(state: dict[str, Any]) -> dict[str, Object]:
    """Each managed object by its address, with the type of its resource."""
    return {
        address: (str(resource.get("type")), instance)
        for resource in state.get("resources") or []
        for address, instance in managed_objects({"resources": [resource]})
    }


def _resources(old: dict[str, Object], new: dict[str, Object], hides: Hides) -> ComparedResources:
    both = [address for address in new if address in old]
    changed = [each for each in both if attributes_of(old[each][1]) != attributes_of(new[each][1])]
    added, removed = _only_in(new, old), _only_in(old, new)
    instances = [{key: each[1] for key, each in side.items()} for side in (old, new)]
    tainted = list(newly_tainted(*instances))
    lists = {"added": added, "changed": changed, "removed": removed, "tainted": tainted}
    return ComparedResources(
        added=_shown_addresses(added, hides),
        changed=[
            ChangedResource(_shown_address(each, hides), _attributes(old[each], new[each], hides))
            for each in changed[:MAX_LISTED]
        ],
        removed=_shown_addresses(removed, hides),
        tainted=_shown_addresses(tainted, hides),
        unchanged=len(both) - len(changed),
        counts={name: len(entries) for name, entries in lists.items()},
    )


def _only_in(these: Iterable[str], others: dict[str, Any]) -> list[str]:
    return [each for each in these if each not in others]


def _shown_addresses(addresses: list[str], hides: Hides) -> list[str]:
    return [_shown_address(each, hides) for each in addresses[:MAX_LISTED]]


def _shown_address(address: str, hides: Hides) -> str:
    """Without the keys of instances where one holds a secret; all else is names of a configuration."""
    return KEYS.sub(f"[{SENSITIVE}]", address) if hides(address) else address


def _attributes(old: Object, new: Object, hides: Hides) -> tuple[ValueChange, ...]:
    before, after = attributes_of(old[1]), attributes_of(new[1])
    hidden = hidden_attributes(*old, before) | hidden_attributes(*new, after)
    changes: list[ValueChange] = []
    for name in dict.fromkeys([*before, *after]):
        values = [before.get(name), after.get(name)]
        if values[0] == values[1]:
            continue
        if name in hidden or hides(values):
            changes.append(_change(name, *values, sensitive=True))
        else:
            changes += _parts(name, *values)
    return tuple(changes[:MAX_LISTED])


def _parts(name: str, before: Any, after: Any) -> Iterator[ValueChange]:
    """An attribute's change, or those of its members where both are maps or lists alike."""
    values = {name: before}, {name: after}
    for path, pair in differences(*values, *values).items():
        yield _change(path, pair["before"], pair["after"])


def _outputs(old: dict[str, Any], new: dict[str, Any], hides: Hides) -> ComparedOutputs:
    both = [name for name in new if name in old]
    changed = [name for name in both if old[name].get("value") != new[name].get("value")]
    lists = {"added": _only_in(new, old), "changed": changed, "removed": _only_in(old, new)}
    shown = {
        kind: [_output(name, old.get(name), new.get(name), hides) for name in names[:MAX_LISTED]]
        for kind, names in lists.items()
    }
    return ComparedOutputs(
        added=shown["added"],
        changed=shown["changed"],
        removed=shown["removed"],
        unchanged=len(both) - len(changed),
        counts={kind: len(names) for kind, names in lists.items()},
    )


def _output(
    name: str, old: dict[str, Any] | None, new: dict[str, Any] | None, hides: Hides
) -> ValueChange:
    values = [(each or {}).get("value") for each in (old, new)]
    marked = any(each is not None and bool(each.get("sensitive")) for each in (old, new))
    return _change(name, *values, sensitive=marked or hides(values))


def _change(name: str, before: Any, after: Any, *, sensitive: bool = False) -> ValueChange:
    return ValueChange(
        name,
        shown_value(before, sensitive=sensitive),
        shown_value(after, sensitive=sensitive),
        sensitive,
    )
