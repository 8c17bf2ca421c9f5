"""Reading a task's stored log: page by page, so that a log of any length costs the memory of one page.

No cursor and no connection is held between two pages: a client may take as long as it likes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.db.models import F, Func, IntegerField, QuerySet, Value
from django.db.models.functions import Coalesce

from workspaces.models import TaskLog

PAGE_BYTES = 1024**2
PAGE_ROWS = 1000
Args = ParamSpec("Args")
Returned = TypeVar("Returned")


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line of the log; ``at`` is when the first line of its row was written, about 1 s before at most."""

    number: int
    text: str
    kind: str
    phase: str
    stage: str
    at: datetime


def read_lines(task_id: int, *, after: int = 0, phase: str | None = None) -> list[StoredLine]:
    """The next lines behind number ``after``, of one phase or of both; empty at the end.

    About :data:`PAGE_BYTES` of them; always the whole of at least one row.
    """
    rows = TaskLog.objects.filter(task_id=task_id)
    if phase is not None:
        rows = rows.filter(phase=phase)
    chosen = list(_within_a_page(_sizes(rows, after)))
    return list(_lines(rows.filter(pk__in=chosen).order_by("first_line"), after))


def stored_texts(task_id: int, first: int, count: int) -> list[str]:
    """The lines that have the numbers from ``first`` on, at most ``count``."""
    texts: list[str] = []
    while len(texts) < count:
        after = first - 1 + len(texts)
        lines = read_lines(task_id, after=after)
        page = [line.text for number, line in enumerate(lines, after + 1) if line.number == number]
        if not page:
            break
        texts += page
    return texts[:count]


def _sizes(rows: QuerySet[TaskLog], after: int) -> Iterable[tuple[int, int]]:
    """Ids and sizes (bytes) of the next rows; ``octet_length`` does not unpack a row's content."""
    begun = rows.filter(first_line__lte=after + 1).order_by("-first_line").values("first_line")[:1]
    size = Func(F("content"), function="octet_length", output_field=IntegerField())
    behind = rows.filter(
        first_line__gte=Coalesce(begun, Value(0)),
        first_line__gt=Value(after + 1) - F("line_count"),
    )
    return behind.order_by("first_line").values_list("pk", size)[:PAGE_ROWS]


def _within_a_page(sizes: Iterable[tuple[int, int]]) -> Iterator[int]:
    total = 0
    for pk, size in sizes:
        if total and total + size > PAGE_BYTES:
            return
        total += size
        yield pk


def _lines(rows: Iterable[TaskLog], after: int) -> Iterator[StoredLine]:
    for row in rows:
        texts = row.content.split("\n")[:-1]
        for number, text in enumerate(texts, row.first_line):
            if number > after:
                kind = row.kinds.get(str(number), "output")
                yield StoredLine(number, text, kind, row.phase, row.stage, row.created_at)
                after = number


async def rendered_log(
    task_id: int,
    render: Callable[[list[StoredLine]], str],
    *,
    after: int = 0,
    phase: str | None = None,
) -> AsyncIterator[str]:
    """The log behind line ``after`` as ``render`` makes it of each page, in a thread."""

    def read(after: int) -> tuple[int, str]:
        lines = read_lines(task_id, after=after, phase=phase)
        return (lines[-1].number, render(lines)) if lines else (after, "")

    while True:
        last, text = await in_thread(read, after)
        if last == after:
            return
        yield text
        after = last


async def in_thread(
    function: Callable[Args, Returned], *args: Args.args, **kwargs: Args.kwargs
) -> Returned:
    """Calls what reads the database in a thread, whose connection then goes back to the pool.

    Not in the one thread that ``database_sync_to_async`` would share among all WebSockets.
    """
    call: Callable[Args, Awaitable[Returned]] = database_sync_to_async(
        function, thread_sensitive=False
    )
    return await call(*args, **kwargs)
