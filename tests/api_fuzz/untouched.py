"""Whether the rows of an organization are what they were."""

import hashlib
from collections import defaultdict
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey, Model

Keys = dict[type[Model], set[Any]]
NOT_OWNED = {"accounts.AuditEntry", "workspaces.EngineVersion", "sessions.Session"}
"""Tables that no organization owns: what is in them may be about any."""


def models() -> list[type[Model]]:
    """Every table that an organization's rows may be in."""
    found = apps.get_models(include_auto_created=True)
    return [each for each in found if each._meta.label not in NOT_OWNED and each._meta.managed]


def keys() -> Keys:
    """The primary keys of all rows there are."""
    return {model: set(model._base_manager.values_list("pk", flat=True)) for model in models()}


def added(before: Keys) -> Keys:
    """The primary keys of what has come since."""
    return {
        model: there - before[model] for model, there in keys().items() if there - before[model]
    }


def fingerprint(owned: Keys) -> dict[str, tuple[int, str]]:
    """Table → number of rows, and a digest of all that is in them."""
    return {
        model._meta.db_table: _rows(model, pks) for model, pks in sorted(owned.items(), key=_name)
    }


def references(owned: Keys) -> dict[str, int]:
    """Column → number of rows that refer to one of these."""
    counts: defaultdict[str, int] = defaultdict(int)
    for model in models():
        for column in model._meta.concrete_fields:
            pks = owned.get(column.related_model) if isinstance(column, ForeignKey) else None
            if pks:
                there = model._base_manager.filter(**{f"{column.attname}__in": pks}).count()
                counts[f"{model._meta.db_table}.{column.column}"] = there
    return dict(counts)


def _name(item: tuple[type[Model], Any]) -> str:
    return item[0]._meta.db_table


def _rows(model: type[Model], pks: set[Any]) -> tuple[int, str]:
    quoted = connection.ops.quote_name
    table, key = quoted(model._meta.db_table), quoted(str(model._meta.pk.column))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT each::text FROM {table} each WHERE each.{key}::text = ANY(%s) ORDER BY each.{key}",  # noqa: S608
            [[str(pk) for pk in pks]],
        )
        rows = [row[0] for row in cursor.fetchall()]
    return len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()
