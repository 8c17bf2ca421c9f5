"""Blocks of Terraform's JSON syntax (https://developer.hashicorp.com/terraform/language/syntax/json)."""

from collections.abc import Iterator
from typing import Any

from iacplatform.terraform.exceptions import ConfigurationError

# How many labels a block of this type has, as in `resource "type" "name" {}`.
LABELS = {
    "resource": 2,
    "data": 2,
    "ephemeral": 2,
    "action": 2,
    "module": 1,
    "variable": 1,
    "output": 1,
    "check": 1,
}


def objects(value: Any, address: str) -> list[dict[str, Any]]:
    """Returns the objects of a block that is written as one object or as a list of objects.

    Raises :class:`ConfigurationError` naming ``address`` when it is neither.
    """
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise ConfigurationError(f"{address} must be an object or a list of objects.")
    return items


def labelled(value: Any, labels: int, address: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields the labels and the body of each block below ``value``, at every depth a list or not.

    Raises :class:`ConfigurationError` naming the address that is neither object nor list.
    """
    for item in objects(value, address):
        for label, body in item.items():
            if labels == 1:
                yield (label,), body
                continue
            for rest, leaf in labelled(body, labels - 1, f"{address}.{label}"):
                yield (label, *rest), leaf
