"""What lists are narrowed and ordered with, the same everywhere."""

from functools import reduce
from operator import or_
from typing import Any

import django_filters  # type: ignore[import-untyped]
from django.db.models import Q, QuerySet
from django_filters.rest_framework import DjangoFilterBackend  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request


class ListFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    """Applies filters to lists only: what is looked up by its id is found whatever they say."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        """The rows as they are where the address names one of them."""
        if (view.lookup_url_kwarg or view.lookup_field) in view.kwargs:
            return queryset
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered


def yes_or_no(**options: Any) -> django_filters.TypedChoiceFilter:
    """A filter for ``true`` or ``false``; anything else is refused rather than ignored."""
    made = django_filters.TypedChoiceFilter(
        choices=[("true", "true"), ("false", "false")],
        coerce=lambda text: text == "true",
        **options,
    )
    # Else the OpenAPI document says: a boolean that is one of two texts, which nothing is.
    extend_schema_field(OpenApiTypes.BOOL)(made)
    return made


class FilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """What all of them are; the library has no types."""


class OrderingFilter(django_filters.OrderingFilter):  # type: ignore[misc]
    """An order in which equal rows have theirs too, so that no page shows one twice or never."""

    def filter(self, qs: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        """Ends with the id, in the direction of what comes first: an index can be read either way."""
        ordered: QuerySet[Any] = super().filter(qs, value)
        if not value:
            return ordered
        last = "-pk" if value[0].startswith("-") else "pk"
        return ordered.order_by(*ordered.query.order_by, last)


class TextFilter(django_filters.CharFilter):  # type: ignore[misc]
    """Rows with the text in one of these fields, in any case: for lists that are never long."""

    def __init__(self, *fields: str) -> None:
        self.searched = fields
        super().__init__(max_length=200, help_text=f"A part of {', '.join(map(_word, fields))}")

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """All rows for no text."""
        if not value:
            return qs
        return qs.filter(
            reduce(or_, (Q(**{f"{name}__icontains": value}) for name in self.searched))
        )


def _word(field: str) -> str:
    return field.rpartition("__")[2].replace("_", " ")
