"""Finding a text in the rows of a large table, with the help of an index of the parts of words."""

from typing import Any

from django.db.models import Q, QuerySet, Value

from iacplatform.common import any_of  # noqa: F401  # registers `any_of`
from iacplatform.common.pagination import KNOWN_TOTAL

MIN_CONTAINED = 3
"""Characters: the index knows no shorter parts; a shorter text is found where a word begins with it."""
SEPARATORS = " -_./"
FEW = 2_000
"""Rows: as many numbers can be given back in a condition before that takes longer than it saves."""


def holds(text: str, *fields: str) -> Q:
    """Whether one of these fields, which have a trigram index of their upper case, has the text in it.

    A text of one or two characters is only found at the beginning of a word.
    """
    found = Q()
    for field in fields:
        if len(text) >= MIN_CONTAINED:
            found |= Q(**{f"{field}__icontains": text})
            continue
        found |= Q(**{f"{field}__istartswith": text})
        for separator in SEPARATORS:
            found |= Q(**{f"{field}__icontains": separator + text})
    return found


def narrowed(rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
    """The rows with the condition, looked up at once if they are few.

    PostgreSQL would rather read all rows in the order they are shown in, in the hope of soon meeting
    enough of them, although those that begin alike stand together, and perhaps at the end.

    Nothing may narrow the rows further: how many they are is known from now on.
    """
    found = rows.filter(condition)
    keys = list(found.order_by().values_list("pk", flat=True)[: FEW + 1])
    if len(keys) > FEW:
        return found
    few: QuerySet[Any] = rows.filter(pk__any_of=keys).annotate(**{KNOWN_TOTAL: Value(len(keys))})
    return few
