"""Counting several things at once, none of them further than it matters."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet, Value

NOTHING: tuple[str, tuple[Any, ...]] = ("SELECT 1 WHERE false", ())


def count_each(groups: Mapping[str, QuerySet[Any]], *, at_most: int) -> dict[str, int]:
    """How many rows each of these finds, in one query that reads at most so many of each."""
    parts = [_counted(rows, at_most) for rows in groups.values()]
    counts = ", ".join(f"(SELECT count(*) FROM ({sql}) AS found)" for sql, _ in parts)  # noqa: S608
    given = [parameter for _, parameters in parts for parameter in parameters]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}", given)
        return dict(zip(groups, cursor.fetchone(), strict=True))


def _counted(rows: QuerySet[Any], at_most: int) -> tuple[str, tuple[Any, ...]]:
    """A query that has a row for each to be counted, and nothing in it."""
    try:
        return rows.order_by().values(one=Value(1))[:at_most].query.sql_with_params()
    except EmptyResultSet:
        return NOTHING
