"""A task's live events in a Redis stream: for whoever watches now, never the only copy (design §6).

An entry is a batch of messages in the shapes of reference §5.10, already encoded, so that a viewer passes them on
without reading them. Lines are durable in ``TaskLog``: the stream holds the newest batches only, and a
viewer who needs an older line, or one that is too large for the stream, reads it there.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio

from iacplatform.common.redis_client import redis_client, redis_outage

# Appends what an attempt says, unless its task was taken over from it: the numbers of its lines now
# belong to another, and viewers would be shown both.
APPEND = """
local fence = tonumber(redis.call('GET', KEYS[2]) or '0')
if tonumber(ARGV[1]) < fence then return 0 end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*',
           'first', ARGV[4], 'last', ARGV[5], 'body', ARGV[6])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
UNFENCED = 2**62
KEEP_BATCHES = 100
KEEP_SECONDS = 3600
LARGEST_BATCH = 1024**2
"""Bytes of an entry; with :data:`KEEP_BATCHES` it bounds what one task can take of Redis' memory."""
BATCHES_PER_READ = 4
BEGINNING = b"0-0"
Message = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """An entry of the stream.

    ``first_line`` and ``last_line`` number its log lines, 0 where it holds none. ``texts`` are its
    messages as JSON; of lines too large for the stream there are none: they are in the database.
    """

    entry_id: bytes
    first_line: int
    last_line: int
    texts: list[str]

    @property
    def is_wake_up(self) -> bool:
        """Whether it only says: look at the task's row."""
        return not self.last_line and not self.texts


def stream_key(task_id: int) -> str:
    """The name of the task's stream."""
    return f"iacplatform:task:log:{task_id}"


def _fence_key(task_id: int) -> str:
    return f"iacplatform:task:log:{task_id}:fence"


def publish(task_id: int, messages: Sequence[Message], *, token: int = UNFENCED) -> None:
    """Appends a batch: either consecutive log lines or messages that are no lines.

    Nothing is shown of an attempt with a fencing ``token`` from which the task was taken over.
    Raises ``redis.RedisError`` when Redis is away, ``ValueError`` where the lines have a gap.
    """
    if not messages:
        return
    first, last = (messages[place].get("line_num", 0) for place in (0, -1))
    if first and last - first + 1 != len(messages):
        raise ValueError(f"lines {first} to {last} are not {len(messages)} consecutive lines")
    body = "\n".join(json.dumps(message, separators=(",", ":")) for message in messages)
    _append(task_id, first, last, body, token)


def wake_viewers(task_id: int) -> None:
    """Tells viewers that the task's row has changed; raises ``redis.RedisError``."""
    _append(task_id, 0, 0, "", UNFENCED)


def _append(task_id: int, first: int, last: int, body: str, token: int) -> None:
    if first and len(body) > LARGEST_BATCH:
        body = ""
    append = redis_client().register_script(APPEND)
    with redis_outage.watched():
        append(
            keys=[stream_key(task_id), _fence_key(task_id)],
            args=[token, KEEP_BATCHES, KEEP_SECONDS, first, last, body],
        )


def take_over(task_id: int, token: int) -> list[Message]:
    """Ends the publishing of the attempt with this token and of all before it.

    Returns the log lines that the stream still holds, oldest first. Raises ``redis.RedisError``.
    """
    pipeline = redis_client().pipeline(transaction=True)
    pipeline.set(_fence_key(task_id), token + 1, ex=KEEP_SECONDS)
    pipeline.xrange(stream_key(task_id))
    with redis_outage.watched():
        _, entries = pipeline.execute()
    batches = [_batch(entry_id, fields) for entry_id, fields in entries]
    return [json.loads(text) for batch in batches if batch.last_line for text in batch.texts]


def place(entry_id: bytes) -> tuple[int, int]:
    """An entry's place in time: ids compare as pairs of numbers."""
    milliseconds, number = entry_id.split(b"-")
    return int(milliseconds), int(number)


async def newest_entry(client: redis.asyncio.Redis, task_id: int) -> bytes:
    """The id of the newest entry, :data:`BEGINNING` where there is none."""
    newest: Any = await client.xrevrange(stream_key(task_id), count=1)
    entry_id: bytes = newest[0][0] if newest else BEGINNING
    return entry_id


async def read_batches(
    client: redis.asyncio.Redis, task_id: int, *, after: bytes, wait_seconds: float
) -> list[Batch]:
    """The next entries behind the id ``after``, empty if none came within ``wait_seconds``."""
    found: Any = await client.xread(
        {stream_key(task_id): after}, count=BATCHES_PER_READ, block=round(wait_seconds * 1000)
    )
    return [_batch(entry_id, fields) for _, entries in found for entry_id, fields in entries]


def _batch(entry_id: bytes, fields: dict[bytes, bytes]) -> Batch:
    body = fields[b"body"].decode()
    texts = body.split("\n") if body else []
    return Batch(entry_id, int(fields[b"first"]), int(fields[b"last"]), texts)
