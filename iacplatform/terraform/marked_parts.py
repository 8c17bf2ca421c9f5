"""The parts of an object that a state marks as sensitive.

``sensitive_attributes`` is a list of paths, each a list of ``{"type": "get_attr", "value": "name"}`` and
``{"type": "index", "value": {"value": 0, "type": "number"}}``.
"""

from collections.abc import Iterator
from typing import Any

UNTYPED = frozenset({"value", "type"})
"""Members of an attribute whose type the provider leaves open, as states have it."""

Path = list[Any]


def read_paths(marks: Any) -> list[Path]:
    """The names, keys and numbers of each path; what cannot be read is a path that leads to everything."""
    if not isinstance(marks, list):
        return [[]]
    return [[_step(step) for step in path] if isinstance(path, list) else [] for path in marks]


def _step(step: Any) -> Any:
    value = step.get("value") if isinstance(step, dict) else None
    key = value.get("value") if isinstance(value, dict) else value
    return key if isinstance(key, str | int | float) else None


def without_path(value: Any, path: Path) -> Any:
    """``value`` without what the path leads to, or may lead to where it cannot be followed.

    A member is left out; what is the whole value, or an element of a list, becomes ``None``.
    """
    if not path:
        return None
    step, *rest = path
    if isinstance(value, list) and _is_index(step, value):
        return [*value[:step], without_path(value[step], rest), *value[step + 1 :]]
    if not isinstance(value, dict):
        return None
    if set(value) == UNTYPED and step not in UNTYPED:
        return value | {"value": without_path(value["value"], path)}
    if set(value) == UNTYPED or step not in value:
        return None
    others = {name: part for name, part in value.items() if name != step}
    return others | {step: without_path(value[step], rest)} if rest else others


def texts_at(value: Any, path: Path) -> Iterator[str]:
    """Every text in what the path leads to; none where it cannot be followed."""
    for part in parts_at(value, path):
        yield from _texts(part)


def parts_at(value: Any, path: Path) -> Iterator[Any]:
    """What the path leads to; nothing where it cannot be followed."""
    if not path:
        yield value
        return
    step, *rest = path
    if isinstance(value, dict) and set(value) == UNTYPED and step not in UNTYPED:
        yield from parts_at(value["value"], path)
    elif (isinstance(value, dict) and step in value) or (
        isinstance(value, list) and _is_index(step, value)
    ):
        yield from parts_at(value[step], rest)


def _is_index(step: Any, value: list[Any]) -> bool:
    return type(step) is int and 0 <= step < len(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
