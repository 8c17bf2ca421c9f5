"""One way of paging for every list of the API: no page costs more because the list has grown."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.paginator import EmptyPage, Page, Paginator
from django.db.models import QuerySet, Value
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination as BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

COUNT_CAP = 10_000
"""Rows: so many are counted, whose pages are quick; those behind them are there as well."""
LAST_ROW = 2**63
"""PostgreSQL counts no further."""
KNOWN_TOTAL = "known_total"
"""Annotation of rows that were counted already, with their number."""


class CappedPaginator(_Paginator):
    """Counts no further than :data:`COUNT_CAP`: an exact number needs every row to be looked at."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, as far as they are counted."""
        return min(self._found, COUNT_CAP)

    @property
    def is_exact(self) -> bool:
        """Whether :attr:`count` is all there are."""
        return self._found <= COUNT_CAP

    def page(self, number: int | str) -> "Page[Any]":
        """One page, also behind what is counted as long as there are rows; raises ``InvalidPage``."""
        try:
            found = super().page(number)
        except EmptyPage:
            if self.is_exact:
                raise
            return self._behind(int(number))
        ends_early = not self.is_exact and found.number == self.num_pages
        return self._behind(found.number) if ends_early else found

    def _behind(self, number: int) -> "Page[Any]":
        first = (number - 1) * self.per_page
        wanted = slice(first, first + self.per_page)
        rows = list(self.object_list[wanted]) if 0 <= first < LAST_ROW else []
        if not rows:
            raise EmptyPage(self.error_messages["no_results"])
        return Page(rows, number, self)

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        known = rows.query.annotations.get(KNOWN_TOTAL)
        if isinstance(known, Value):
            return int(known.value)
        rows = rows.order_by()
        if rows.query.group_by is None and not rows.query.distinct:
            rows = rows.values(one=Value(1))  # no column: an index may be all that is read
        return int(rows[: COUNT_CAP + 1].count())


class PageNumberPagination(BasePagination):
    """Answers ``{items, total, total_is_exact, page, page_size, pages}``; ``page_size`` is at most 100.

    Where there are more than :data:`COUNT_CAP` rows, ``total`` is that number and ``total_is_exact``
    false; who reads on behind ``pages`` is at the end when a page is a 404.
    """

    page_size_query_param = "page_size"
    max_page_size = 100
    invalid_page_message = "{message}"
    django_paginator_class = CappedPaginator

    def get_page_size(self, request: Request) -> int:
        """The number of rows of a page; raises ``ValidationError`` for what is no number from 1."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return int(self.page_size or self.max_page_size)
        digits = asked.lstrip("0") if asked.isascii() and asked.isdigit() else ""
        if not digits:
            raise ValidationError({self.page_size_query_param: ["Must be a number from 1."]})
        return self.max_page_size if len(digits) > 3 else min(int(digits), self.max_page_size)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The query parameters for the OpenAPI document."""
        parameters = super().get_schema_operation_parameters(view)
        return [{**each, "schema": {"type": "integer", "minimum": 1}} for each in parameters]

    def get_paginated_response(self, data: Any) -> Response:
        """Wraps a page of serialized objects."""
        assert self.page is not None  # noqa: S101
        paginator = self.page.paginator
        assert isinstance(paginator, CappedPaginator)  # noqa: S101
        return Response(
            {
                "items": data,
                "total": paginator.count,
                "total_is_exact": paginator.is_exact,
                "page": self.page.number,
                "page_size": paginator.per_page,
                "pages": paginator.num_pages,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The answer's shape for the OpenAPI document."""
        number = {"type": "integer"}
        members = {
            "items": schema,
            "total": {**number, "description": f"How many there are, at most {COUNT_CAP}"},
            "total_is_exact": {
                "type": "boolean",
                "description": f"False where there are more than {COUNT_CAP}",
            },
            "page": number,
            "page_size": number,
            "pages": {**number, "description": "How many there are of those that are counted"},
        }
        return {"type": "object", "required": list(members), "properties": members}
