"""Where two values of a resource differ, path by path, without showing what is masked."""

import json
from collections.abc import Iterator
from typing import Any

from iacplatform.terraform.hcl import is_identifier

Pair = tuple[Any, Any]
Differences = dict[str, dict[str, Any]]
"""Path, such as ``tags.owner``, ``tags["a b"]`` or ``rule[0].port`` → ``{"before", "after"}``."""


def differences(before: Any, after: Any, shown_before: Any, shown_after: Any) -> Differences:
    """Compares two values and tells each difference as the masked copies have it.

    Maps are compared key by key and lists of equal length item by item; what is masked is compared as a
    whole, and both sides of its difference read the same. Nothing is told of objects of which one is
    ``None``: they came or went as a whole.
    """
    if before is None or after is None:
        return {}
    return dict(_differing("", (before, after), (shown_before, shown_after)))


def _differing(path: str, values: Pair, shown: Pair) -> Iterator[tuple[str, dict[str, Any]]]:
    keys = _common_keys(values, shown)
    if keys is not None:
        for key in keys:
            yield from _differing(_join(path, key), _parts(values, key), _parts(shown, key))
        return
    before, after = values
    if type(before) is not type(after) or before != after:
        yield path, {"before": shown[0], "after": shown[1]}


def _common_keys(values: Pair, shown: Pair) -> list[Any] | None:
    """The keys or indexes under which both are compared; ``None`` where they are compared whole."""
    everything = (*values, *shown)
    if all(isinstance(each, dict) for each in everything):
        return sorted({key for each in values for key in each})
    if all(isinstance(each, list) for each in everything) and len(values[0]) == len(values[1]):
        return list(range(len(values[0])))
    return None


def _parts(pair: Pair, key: Any) -> Pair:
    before, after = (each.get(key) if isinstance(each, dict) else each[key] for each in pair)
    return before, after


def _join(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not is_identifier(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key
