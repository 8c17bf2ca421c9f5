"""How often somebody may try to sign in."""

import hashlib
import time
from typing import Any

import structlog
from django.http import HttpRequest
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
        return self.allow(self.get_ident(request))

    def allow(self, subject: str) -> bool:
        """Counts an attempt by or at ``subject`` and says whether it is within the rate."""
        if self.num_requests is None or self.duration is None:
            return True
        window = int(time.time() // self.duration)
        key = f"iacplatform:{self.scope}:{subject}:{window}"
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


class AccountThrottle(LoginThrottle):
    """Counts attempts at one account, from however many addresses: it slows guessing and locks nothing.

    It counts names, whether there is such an account or not, so that nobody learns which there are. It
    has a name of its own in Redis, ``LOGIN_ACCOUNT_RATE``, and no memory beyond its window.
    """

    scope = "login_account"

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether this attempt is within ``LOGIN_ACCOUNT_RATE``."""
        body = request.data
        name = body.get("username") if isinstance(body, dict) else None
        return self.allow_name(name) if isinstance(name, str) else True

    def allow_name(self, name: str) -> bool:
        """Whether an attempt at the account ``name`` is within the rate."""
        folded = name.strip().casefold().encode(errors="replace")
        return self.allow(hashlib.sha256(folded).hexdigest())


def login_allowed(request: HttpRequest, username: str) -> bool:
    """Counts an attempt that comes through a form: by its address and at its account."""
    by_address = LoginThrottle().allow_request(Request(request), None)
    return AccountThrottle().allow_name(username) and by_address


def _count(key: str, seconds: int) -> int:
    pipeline = redis_client().pipeline()
    pipeline.incr(key)
    pipeline.expire(key, seconds)
    return int(pipeline.execute()[0])
