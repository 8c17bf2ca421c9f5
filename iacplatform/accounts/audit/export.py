"""The audit log as a file, page by page: it takes the memory of one page, however long it is.

Each page is a query of its own, so that a slow reader holds neither a transaction nor a connection.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from channels.db import database_sync_to_async

from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.audit.paging import Position, Rows, after, position_of
from iacplatform.accounts.audit.serializers import AuditEntrySerializer

PAGE_ROWS = 1000
COLUMNS: list[str] = list(AuditEntrySerializer.Meta.fields)
# What spreadsheets take for a formula at the beginning of a cell (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_lines(entries: Iterable[AuditEntry]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(_row(entry), ensure_ascii=False) + "\n" for entry in entries)


def csv_lines(entries: Iterable[AuditEntry]) -> str:
    """One line each (RFC 4180), with cells that no spreadsheet takes for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([defused(value) for value in _row(entry).values()] for entry in entries)
    return text.getvalue()


def csv_head() -> str:
    """The first line."""
    return ",".join(COLUMNS) + "\r\n"


def defused(value: Any) -> Any:
    """A cell's text, behind an apostrophe where it would begin a formula."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


FORMATS: dict[str, tuple[str, Callable[[], str], Callable[[Iterable[AuditEntry]], str]]] = {
    "jsonl": ("application/jsonl; charset=utf-8", str, json_lines),
    "csv": ("text/csv; charset=utf-8; header=present", csv_head, csv_lines),
}


async def exported(rows: Rows, form: str, ordering: str) -> AsyncIterator[str]:
    """The text of all ``rows``."""
    _, head, render = FORMATS[form]

    def read(position: Position | None) -> tuple[Position | None, str]:
        page = list(after(rows, position, ordering)[:PAGE_ROWS])
        return (position_of(page[-1]) if page else None), render(page)

    yield head()
    position: Position | None = None
    while True:
        # Not in the one thread that all requests share: the next page may take its time.
        position, text = await database_sync_to_async(read, thread_sensitive=False)(position)
        if position is None:
            return
        yield text


def _row(entry: AuditEntry) -> dict[str, Any]:
    return dict(AuditEntrySerializer(entry).data)
