"""Marks beside values: which parts of a value are sensitive, and which are not known yet.

Terraform describes both by a second value of the same shape (``before_sensitive``,
``after_sensitive``, ``after_unknown``), in which ``true`` stands for the whole part below it
(https://developer.hashicorp.com/terraform/internals/json-format#change-representation).
"""

from itertools import zip_longest
from typing import Any

SENSITIVE = "***SENSITIVE***"
KNOWN_AFTER_APPLY = "(known after apply)"


def marked(marks: Any) -> bool:
    """Says whether any part is marked."""
    if not marks or marks is True:
        return marks is True
    if isinstance(marks, dict):
        return any(map(marked, marks.values()))
    return isinstance(marks, list) and any(map(marked, marks))


def replace_marked(value: Any, marks: Any, replacement: str) -> Any:
    """Returns ``value`` with each marked part replaced, adding marked parts that it leaves out.

    Where value and marks differ in shape (the marks of a set have no order, for one), everything
    there is replaced: nothing marked is ever let through.
    """
    if not marked(marks):
        return value
    if isinstance(marks, dict) and (value is None or isinstance(value, dict)):
        return _replace_in_object(value or {}, marks, replacement)
    if isinstance(marks, list) and (value is None or isinstance(value, list)):
        pairs = zip_longest(value or [], marks)
        return [replace_marked(part, mark, replacement) for part, mark in pairs]
    return replacement


def _replace_in_object(
    value: dict[str, Any], marks: dict[str, Any], replacement: str
) -> dict[str, Any]:
    replaced = {
        key: replace_marked(value.get(key), part, replacement)
        for key, part in marks.items()
        if marked(part)
    }
    return {**value, **replaced}
