"""How often somebody may try to sign in."""

import time
from typing import Any

import structlog
from redis import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from iacplatform.common.redis_client import redis_client, redis_outage

logger = structlog.get_logger(__name__)


class LoginThrottle(SimpleRateThrottle):
    """Counts attempts per client address in windows of fixed length, for all web processes at once.

    The framework's own throttle reads and writes in two steps, so attempts at the same time pass. While
    Redis is away nobody is locked out.
    """

    scope = "login"
    num_requests: int | None
    duration: int | None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether this attempt is within ``LOGIN_RATE``."""
        if self.num_requests is None or self.duration is None:
            return True
        window = int(time.time() // self.duration)
        key = f"iacplatform:login:{self.get_ident(request)}:{window}"
        try:
            with redis_outage.watched():
                attempts = _count(key, self.duration)
        except RedisError as error:
            logger.warning("login_throttle_unavailable", error=str(error))
            return True
        return attempts <= self.num_requests

    def wait(self) -> float | None:
        """Seconds until the next window."""
        return self.duration - time.time() % self.duration if self.duration else None


def _count(key: str, seconds: int) -> int:
    pipeline = redis_client().pipeline()
    pipeline.incr(key)
    pipeline.expire(key, seconds)
    return int(pipeline.execute()[0])
