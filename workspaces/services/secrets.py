"""Finding the values of sensitive variables in what is about to be shown."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from iacplatform.terraform.hcl import quote
from workspaces.models import SetVariable, VariableSet, Workspace

MIN_LENGTH = 4
"""Shorter values are part of ordinary words (reference §5.10)."""


def sensitive_values(workspace: Workspace) -> list[str]:
    """Every value a sensitive variable has had: the state may be older than the newest."""
    own = workspace.variables.filter(sensitive=True)
    rows = (
        *own.values_list("value", flat=True),
        *_of_sets(workspace).values_list("value", flat=True),
    )
    return [value for value in set(map(str, rows)) if len(value.strip()) >= MIN_LENGTH]


def _of_sets(workspace: Workspace) -> QuerySet[SetVariable]:
    """Of the sets that apply, and what tasks got from sets that do not apply any more."""
    applying = Q(variable_set__in=VariableSet.objects.applying_to(workspace))
    given = SetVariable.given_to.through.objects.filter(workspace=workspace)
    received = Q(pk__in=given.values("setvariable_id"))
    return SetVariable.objects.filter(applying | received, sensitive=True)


def holds_secret(value: Any, secrets: list[str]) -> bool:
    """Whether a JSON value holds one of the secrets, or a text that is part of an HCL secret."""
    return any(_matches(text, secret) for text in _texts(value) for secret in secrets)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _matches(text: str, secret: str) -> bool:
    if secret.strip() in text or json.dumps(secret, ensure_ascii=False)[1:-1] in text:
        return True
    return len(text) >= MIN_LENGTH and quote(text) in secret
