"""Which members of a resource are nested blocks, as an engine has told in a plan JSON.

Only the provider's schema knows, and the engine writes what it made of it into ``configuration``: an attribute
is an object with ``constant_value`` or ``references``, blocks are lists of objects, or one object
(https://developer.hashicorp.com/terraform/internals/json-format#block-expressions-representation).
"""

from collections.abc import Mapping
from typing import Any

Nested = Mapping[str, "Nested | None"]
"""Name → what is nested in the blocks of this name; ``None`` for an attribute."""

_ATTRIBUTE = frozenset({"constant_value", "references"})


def nested_blocks(plan: dict[str, Any]) -> dict[str, Nested]:
    """Returns what is known of each resource of the root module, by its address without an index."""
    module = (plan.get("configuration") or {}).get("root_module") or {}
    return {
        str(resource.get("address")): _members(resource.get("expressions") or {})
        for resource in module.get("resources") or []
    }


def _members(expressions: dict[str, Any]) -> Nested:
    return {name: _nested(value) for name, value in expressions.items() if value != {}}


def _nested(value: Any) -> Nested | None:
    if isinstance(value, dict) and _ATTRIBUTE & set(value):
        return None
    merged: dict[str, Nested | None] = {}
    for block in value if isinstance(value, list) else [value]:
        merged |= _members(block)
    return merged
