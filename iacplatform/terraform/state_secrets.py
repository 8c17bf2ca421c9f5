"""What in a state must not be shown: by the engine's marks, by names, and the same texts elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from iacplatform.terraform.marked_parts import parts_at, read_paths
from iacplatform.terraform.secret_names import IDENTIFYING, says_secret
from iacplatform.terraform.state import attributes_of

MIN_LENGTH = 4
"""Shorter texts are part of ordinary words."""


@dataclass(frozen=True)
class StateSecrets:
    """The secret texts of states.

    ``marked`` are those that the engine calls sensitive; ``named`` those of attributes whose name says
    so, of which some are no secrets at all (``secret_name``).
    """

    marked: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)

    def read(self, state: dict[str, Any]) -> None:
        """Adds those of a loaded state."""
        for output in (state.get("outputs") or {}).values():
            if output.get("sensitive"):
                self.marked.update(_secrets_in(output.get("value")))
        for resource in state.get("resources") or []:
            for instance in resource.get("instances") or []:
                self._read_instance(instance)

    def _read_instance(self, instance: dict[str, Any]) -> None:
        attributes = attributes_of(instance)
        for path in read_paths(instance.get("sensitive_attributes") or []):
            for part in parts_at(attributes, path):
                self.marked.update(_secrets_in(part))
        self.named.update(text for part in _named(attributes) for text in _secrets_in(part))


def hidden_attributes(
    resource_type: str, instance: dict[str, Any], attributes: dict[str, Any]
) -> set[str]:
    """Names of the attributes of an object that are hidden as a whole.

    Those with a part that the engine marks or whose name says that it is secret, and all but the
    identifying ones of a resource whose type says so.
    """
    hidden = sensitive_names(instance, attributes)
    hidden |= {name for name, value in attributes.items() if any(_named({name: value}))}
    return hidden | (set(attributes) - IDENTIFYING if says_secret(resource_type) else set())


def sensitive_names(instance: dict[str, Any], attributes: dict[str, Any]) -> set[str]:
    """Names of attributes with a sensitive part; all where the marks cannot be read."""
    try:
        paths = instance.get("sensitive_attributes") or []
        return {str(path[0]["value"]) for path in paths}
    except (LookupError, TypeError):
        return set(attributes)


def texts_in(value: Any) -> Iterator[str]:
    """Every text and number in a JSON value, the names of its members not."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _secrets_in(value: Any) -> Iterator[str]:
    return (text for text in texts_in(value) if len(text.strip()) >= MIN_LENGTH)


def _named(value: Any) -> Iterator[Any]:
    """The members, at any depth, whose name says that they are secret and that say anything."""
    if isinstance(value, dict):
        for name, part in value.items():
            if says_secret(name):
                yield from [part] if any(texts_in(part)) else []
            else:
                yield from _named(part)
    elif isinstance(value, list):
        for part in value:
            yield from _named(part)
