"""How bad drift is."""

import re
from collections.abc import Iterable

from django.db.models import TextChoices

# What AWS, Azure and Google call them, and what their providers compute from them.
_TAGS = re.compile(r"(?:tags|tags_all|labels|effective_labels|terraform_labels)(?:$|[.\[])")


class Severity(TextChoices):
    """What became of an object, the worst first."""

    DESTROYED = "destroyed", "Destroyed"
    REPLACED = "replaced", "Replaced"
    CHANGED = "changed", "Changed"
    TAGS_ONLY = "tags_only", "Tags only"


WORST_FIRST = list(Severity.values)


def severity_of(action: str, paths: Iterable[str]) -> Severity:
    """How bad it is that ``action`` was done to an object and that the values at ``paths`` differ.

    An object with another id is another object.
    """
    if action == "delete":
        return Severity.DESTROYED
    found = list(paths)
    if action == "replace" or "id" in found:
        return Severity.REPLACED
    if found and all(_TAGS.match(path) for path in found):
        return Severity.TAGS_ONLY
    return Severity.CHANGED


def worst(severities: Iterable[str]) -> str:
    """The worst of them; empty where there are none."""
    return min(severities, key=WORST_FIRST.index, default="")
