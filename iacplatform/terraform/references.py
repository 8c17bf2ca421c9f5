"""Which names a body defines and which it refers to: what depends on what, read from the code."""

from collections.abc import Iterator
from typing import Any

from iacplatform.terraform.blocks import LABELS, labelled
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.templates import references

# How the names of a block are referred to.
_PREFIXES = {
    "resource": "",
    "data": "data.",
    "ephemeral": "ephemeral.",
    "module": "module.",
    "variable": "var.",
    "locals": "local.",
}
# In these, a text is an expression and not a template.
_BARE = frozenset({"depends_on", "replace_triggered_by"})
_LONG = frozenset({"data", "ephemeral"})


def defined_names(tf_code: dict[str, Any]) -> set[str]:
    """Returns what others may refer to in a body: ``type.name``, ``module.x``, ``data.type.name`` …

    Nothing where the body is not of Terraform's JSON syntax.
    """
    try:
        return {
            f"{prefix}{'.'.join(labels)}"
            for kind, prefix in _PREFIXES.items()
            for labels, _ in labelled(tf_code.get(kind, {}), LABELS.get(kind, 1), kind)
        }
    except ConfigurationError:
        return set()


def referred_names(tf_code: dict[str, Any]) -> set[str]:
    """Returns what a body refers to, in the form of :func:`defined_names`, its own names left out."""
    found = {
        _name(reference)
        for text, bare in _texts(tf_code)
        for reference in references(text, bare=bare)
    }
    return found - defined_names(tf_code)


def _texts(value: Any, *, bare: bool = False) -> Iterator[tuple[str, bool]]:
    if isinstance(value, str):
        yield value, bare and "${" not in value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, bare=bare)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key, False
            yield from _texts(item, bare=key in _BARE)


def _name(reference: str) -> str:
    parts = reference.split(".")
    return ".".join(parts[: 3 if parts[0] in _LONG else 2])
