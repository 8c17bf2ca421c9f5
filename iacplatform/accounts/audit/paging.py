"""Pages of the audit log: from a row on, never counted and never skipped over.

A page costs the same wherever it is and however many rows there are; in exchange there is no total.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from iacplatform.accounts.audit.models import AuditEntry

Rows = QuerySet[AuditEntry]
Position = tuple[datetime, int]
DEFAULT_SIZE = 20
LARGEST_SIZE = 100
OLDEST_FIRST = "at"
NEWEST_FIRST = "-at"


def after(rows: Rows, position: Position | None, ordering: str = NEWEST_FIRST) -> Rows:
    """The rows behind a position, in order of time; those of one moment in order of their id."""
    sign, compare = ("", "gt") if ordering == OLDEST_FIRST else ("-", "lt")
    ordered = rows.order_by(f"{sign}at", f"{sign}id")
    if position is None:
        return ordered
    at, pk = position
    later = Q(**{f"at__{compare}": at}) | Q(at=at, **{f"id__{compare}": pk})
    return ordered.filter(later, **{f"at__{compare}e": at})


def position_of(entry: AuditEntry) -> Position:
    """Where an entry stands."""
    return entry.at, entry.pk


def encoded(position: Position) -> str:
    """A position as a ``cursor``."""
    at, pk = position
    return urlsafe_b64encode(f"{at.isoformat()}|{pk}".encode()).decode().rstrip("=")


def decoded(cursor: str) -> Position:
    """The position that a ``cursor`` stands for; raises ``ValidationError``."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, pk = text.partition("|")
        moment, number = datetime.fromisoformat(at), int(pk)
        moment.astimezone()  # raises what a date at the end of time would raise later
    except (ValueError, OverflowError):
        raise ValidationError({"cursor": ["This is no cursor of ours."]}) from None
    if moment.tzinfo is None or not 0 <= number < 2**63:
        raise ValidationError({"cursor": ["This is no cursor of ours."]})
    return moment, number


class CursorPagination(BasePagination):
    """Answers ``{items, next}``; ``next`` is the ``cursor`` of the following page, or ``null``."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The rows of a page; raises ``ValidationError`` for a cursor or a size that is none."""
        cursor = request.query_params.get("cursor")
        ordering = request.query_params.get("ordering", NEWEST_FIRST)
        size = _size(request.query_params.get("page_size", str(DEFAULT_SIZE)))
        rows = after(queryset, decoded(cursor) if cursor else None, ordering)
        found = list(rows[: size + 1])
        self._next = encoded(position_of(found[size - 1])) if len(found) > size else None
        return found[:size]

    def get_paginated_response(self, data: Any) -> Response:
        """Wraps a page of serialized rows."""
        return Response({"items": data, "next": self._next})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The answer's shape for the OpenAPI document."""
        following = {
            "type": "string",
            "nullable": True,
            "description": "The `cursor` of the following page",
        }
        return {
            "type": "object",
            "required": ["items", "next"],
            "properties": {"items": schema, "next": following},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The query parameters for the OpenAPI document."""
        size = {"type": "integer", "minimum": 1, "maximum": LARGEST_SIZE, "default": DEFAULT_SIZE}
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}},
            {"name": "page_size", "in": "query", "schema": size},
        ]


def _size(text: str) -> int:
    number = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_SIZE))
    if not (number and 1 <= int(text) <= LARGEST_SIZE):
        raise ValidationError({"page_size": [f"Must be a number from 1 to {LARGEST_SIZE}."]})
    return int(text)
