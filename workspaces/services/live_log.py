"""Following a task's log from a line on until the task ends: stored lines first, then live.

Each line is given once, by its number. The database is the truth: where the live stream leaves a gap (Redis
was flushed, restarted or away; the viewer was slow and the stream trimmed), the lines come from there.
A viewer costs one Redis connection, one small query each :data:`IDLE_SECONDS` in which nothing
happens, and about one page of memory however slow it is: nothing is read before the last was taken.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import redis.asyncio
from django.db.models import F, OuterRef, Subquery
from redis import RedisError

from iacplatform.accounts.models import User
from iacplatform.common.errors import NotFound
from iacplatform.common.redis_client import async_redis_client
from workspaces import log_stream
from workspaces.log_messages import line_message, progress_messages
from workspaces.models import ApplyStatus, ResourceChange, TaskLog, WorkspaceTask
from workspaces.services.logs import in_thread, read_lines
from workspaces.task_status import FINAL

IDLE_SECONDS = 2.0
POLL_SECONDS = 1.0
GAP_POLL_SECONDS = 0.1


async def follow(task_id: int, user: User, *, after: int) -> AsyncIterator[list[str]]:
    """Yields the task's messages as JSON, in order, beginning with line ``after`` + 1.

    The last is ``completed``. First comes how far the apply is with each resource it has begun.
    Raises :class:`NotFound` as soon as the user may not see the task (any more).
    """
    client = async_redis_client()
    try:
        async for texts in _Viewer(client, task_id, user, after).messages():
            yield texts
    finally:
        await client.aclose()


class _Viewer:
    """One reader's place in a task's log."""

    def __init__(self, client: redis.asyncio.Redis, task_id: int, user: User, after: int) -> None:
        self._client = client
        self._task_id = task_id
        self._user = user
        self._line = after
        self._entry = log_stream.BEGINNING
        self._gap_before = b""
        # Updates of resources up to this entry are in what was last read from the database.
        self._updates_from = log_stream.BEGINNING
        self._updates_missed = True
        self._shown: dict[int, tuple[str, str]] = {}

    async def messages(self) -> AsyncIterator[list[str]]:
        """See :func:`follow`."""
        while True:
            status, stored = await in_thread(_look, self._task_id, self._user)
            if self._updates_missed:
                yield await self._missed_updates()
            while self._line < stored:
                self._line, texts = await in_thread(_stored_texts, self._task_id, self._line)
                yield texts
            if status in FINAL:
                yield [json.dumps({"type": "completed", "status": status})]
                return
            async for texts in self._live():
                yield texts

    async def _missed_updates(self) -> list[str]:
        with suppress(RedisError):
            self._updates_from = await log_stream.newest_entry(self._client, self._task_id)
        self._updates_missed = False
        return await in_thread(_changed_texts, self._task_id, self._shown)

    async def _live(self) -> AsyncIterator[list[str]]:
        """What the stream brings, until the database has to be asked."""
        try:
            while batches := await self._read():
                for batch in batches:
                    if self._lacks_lines(batch):
                        await asyncio.sleep(GAP_POLL_SECONDS)
                        return
                    self._entry = batch.entry_id
                    yield self._news(batch)
                    if batch.is_wake_up:
                        return
        except RedisError:
            self._updates_missed = True
            await asyncio.sleep(POLL_SECONDS)

    async def _read(self) -> list[log_stream.Batch]:
        return await log_stream.read_batches(
            self._client, self._task_id, after=self._entry, wait_seconds=IDLE_SECONDS
        )

    def _lacks_lines(self, batch: log_stream.Batch) -> bool:
        """Whether lines before the batch or of it are only in the database."""
        if batch.first_line > self._line + 1:
            self._updates_missed |= self._gap_before != batch.entry_id
            self._gap_before = batch.entry_id
            return True
        return not batch.texts and batch.last_line > self._line

    def _news(self, batch: log_stream.Batch) -> list[str]:
        if batch.last_line:
            known = max(0, self._line + 1 - batch.first_line)
            self._line = max(self._line, batch.last_line)
            return batch.texts[known:]
        is_new = log_stream.place(batch.entry_id) > log_stream.place(self._updates_from)
        return batch.texts if is_new else []


def _look(task_id: int, user: User) -> tuple[str, int]:
    """The task's status and the number of its last stored line, of one moment."""
    newest = TaskLog.objects.filter(task=OuterRef("pk")).order_by("-first_line")
    end = newest.values(end=F("first_line") + F("line_count") - 1)[:1]
    tasks = WorkspaceTask.objects.visible_to(user).filter(pk=task_id)
    found = tasks.values_list("status", Subquery(end)).first()
    if found is None:
        raise NotFound(f"There is no task #{task_id}")
    status, last = found
    return status, last or 0


def _stored_texts(task_id: int, after: int) -> tuple[int, list[str]]:
    lines = read_lines(task_id, after=after)
    return lines[-1].number, [json.dumps(line_message(line)) for line in lines]


def _changed_texts(task_id: int, shown: dict[int, tuple[str, str]]) -> list[str]:
    """How far the apply is with the resources of which ``shown`` does not say so yet."""
    begun = ResourceChange.objects.filter(task_id=task_id).exclude(apply_status=ApplyStatus.PENDING)
    rows = begun.defer("changes_before", "changes_after", "apply_error")
    news = [row for row in rows if shown.get(row.pk) != (row.apply_status, row.resource_id)]
    shown.update({row.pk: (row.apply_status, row.resource_id) for row in news})
    return [json.dumps(message) for message in progress_messages(task_id, news)]
