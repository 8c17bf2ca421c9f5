"""Keeping secrets out of the index: what is sensitive is dropped, not masked.

As sensitive count

- what the engine has marked in the state, and the same texts elsewhere in the same resource: a provider
  may compute one attribute from another,
- attributes whose name says so, for older engines do not mark what only the provider's schema calls
  sensitive,
- in resources whose type says so (``random_password``), all but what they are known by,
- attributes in which the value of a sensitive variable of the workspace occurs.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from iacplatform.terraform.marked_parts import read_paths, texts_at, without_path
from iacplatform.terraform.secret_names import IDENTIFYING, says_secret
from workspaces.services.secrets import MIN_LENGTH, holds_secret

# The texts within a map or list, which is how a variable of format `hcl` is written.
_INNER_TEXT = re.compile(r'"((?:[^"\\]|\\.){4,})"')
_NO_TEXTS: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Secrets:
    """Values of a workspace's sensitive variables, which must not occur in the index."""

    values: list[str]

    @cached_property
    def spellings(self) -> frozenset[str]:
        """What JSON text has in it that holds one of them, or a text that is part of one."""
        texts = {text for value in self.values for text in _spellings(value)}
        once = {_escaped(text) for text in texts}
        return frozenset(once | set(map(_escaped, once)))

    def without(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes without those that hold one of the values."""
        text = json.dumps(attributes, ensure_ascii=False) if self.values else ""
        # A closer look is worth its time where there is something to find: in few resources.
        if not any(spelling in text for spelling in self.spellings):
            return attributes
        return {
            name: value
            for name, value in attributes.items()
            if not holds_secret(value, self.values)
        }


def _spellings(secret: str) -> Iterator[str]:
    yield secret.strip()
    for inner in _INNER_TEXT.findall(secret):
        plain = inner.replace(r"\"", '"').replace(r"\\", "\\")
        yield from (inner, plain.replace("$${", "${").replace("%%{", "%{"))


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def without_sensitive(
    attributes: dict[str, Any], resource_type: str, marks: Any, secrets: Secrets
) -> dict[str, Any]:
    """A copy of a state object's attributes without its sensitive parts.

    ``marks`` is what the state has as ``sensitive_attributes``.
    """
    left: Any = attributes
    marked: set[str] = set()
    for path in read_paths(marks):
        marked.update(text for text in texts_at(attributes, path) if len(text) >= MIN_LENGTH)
        left = without_path(left, path)
    if not isinstance(left, dict):
        return {}
    if says_secret(resource_type):
        left = {name: value for name, value in left.items() if name in IDENTIFYING}
    return secrets.without(without_named(left, marked))


def without_named(value: Any, texts: set[str] | frozenset[str] = _NO_TEXTS) -> Any:
    """Drops members whose name says that they are secret, and those of ``texts``, at any depth."""
    if isinstance(value, dict):
        return {
            name: without_named(part, texts)
            for name, part in value.items()
            if not says_secret(name) and not (isinstance(part, str) and part in texts)
        }
    if isinstance(value, list):
        return [
            without_named(part, texts)
            for part in value
            if not (isinstance(part, str) and part in texts)
        ]
    return value
