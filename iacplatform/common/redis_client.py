"""Connections to Redis with time-outs, so that a frozen server never hangs a caller."""

from functools import lru_cache

import redis
import redis.asyncio
from django.conf import settings

from iacplatform.common.outage import Outage

TIMEOUT_SECONDS = 1.0
READ_TIMEOUT_SECONDS = 3.0
# Around all calls but those that want to know how Redis is.
redis_outage = Outage()


@lru_cache(maxsize=1)
def redis_client() -> redis.Redis:
    """The process's client; its pool is shared by all threads."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=5,
    )


def async_redis_client() -> redis.asyncio.Redis:
    """A client of its own for one WebSocket; the caller closes it."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        # Longer than a viewer waits for news (workspaces.services.live_log.IDLE_SECONDS).
        socket_timeout=READ_TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=5,
    )
