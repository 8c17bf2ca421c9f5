"""The cancel key of a task that runs: says "look at the row now", never more (mission 003, reference §7.6).

The worker that runs a stage claims the key with ``running:<host>:<token>``; whoever cancels the task
writes ``cancelled:<reason>`` over it. The task's row is the truth: a key that is lost, late or stale, or a
Redis that is away, only makes the worker notice later.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings

from iacplatform.common.redis_client import redis_outage

CLAIM_SECONDS = 60
MARKER_SECONDS = 86400
TIMEOUT_SECONDS = 0.5
DEFAULT_REASON = "cancelled"
CLAIMED = "running:"
MARKER = "cancelled:"
# Takes a free key, its own or that of an older claim, whose worker is dead or was fenced; gives back
# what it may not take: a cancellation, or the claim with a higher token. In one step, because a
# cancellation between a GET and a SET would be lost (durable-celery §2.7).
CLAIM = """
local value = redis.call('GET', KEYS[1])
if value then
    local token = string.match(value, '^running:.*:(%d+)$')
    if not token or tonumber(token) > tonumber(ARGV[2]) then return value end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return false
"""
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


def key(task_id: int) -> str:
    """The name of the task's key."""
    return f"iacplatform:task:cancel:{task_id}"


def claim_value(host: str, token: int) -> str:
    """What the key holds while the stage attempt with this fencing token runs on this host."""
    return f"{CLAIMED}{host}:{token}"


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    """A client of its own: the rows are looked at soon where Redis does not answer."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        decode_responses=True,
    )


def announce(task_id: int, reason: str, *, force: bool = False) -> None:
    """Tells the task's worker that it was cancelled; belongs behind the commit of its row.

    Raises ``redis.RedisError``. A forced cancellation after a first one changes the key again.
    """
    marker = MARKER + (reason.strip() or DEFAULT_REASON) + (" (forced)" if force else "")
    with redis_outage.watched():
        _client().set(key(task_id), marker, ex=MARKER_SECONDS)


def claim(task_id: int, host: str, token: int) -> str:
    """Claims the task's key or prolongs the claim; returns ``""``, or what else stands in the key.

    That is a cancellation, or the claim of an attempt with a higher token. Raises ``redis.RedisError``.
    """
    found = _client().eval(
        CLAIM, 1, key(task_id), claim_value(host, token), str(token), str(CLAIM_SECONDS)
    )
    return str(found) if found else ""


def values(task_ids: Sequence[int]) -> list[str | None]:
    """What stands in the keys of these tasks, in one round trip; raises ``redis.RedisError``."""
    found: Any = _client().mget([key(task_id) for task_id in task_ids])
    return list(found)


def is_marker(value: str) -> bool:
    """Whether this is a cancellation and no claim."""
    return not value.startswith(CLAIMED)


def release(task_id: int, value: str) -> None:
    """Deletes the key if it holds this value; raises ``redis.RedisError``."""
    _client().eval(RELEASE, 1, key(task_id), value)
