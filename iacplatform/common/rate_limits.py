"""How much of the API a caller may have, and the headers that say so.

The headers are those of draft-ietf-httpapi-ratelimit-headers: unlike the older ``X-RateLimit-…`` ones,
which each vendor means differently, they say which policy counted and in which window.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from redis import RedisError
from redis.commands.core import Script
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from iacplatform.common.outage import Spared
from iacplatform.common.rates import Rate
from iacplatform.common.redis_client import redis_client, redis_outage

# One call counts and says when the window ends, which the first request in it begins: shared by all web
# processes, without a moment between reading and writing.
COUNT = """
local used = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {used, left}
"""
logger = structlog.get_logger(__name__)


class Allowance(NamedTuple):
    """What somebody may still do, within this window."""

    policy: str
    rate: Rate
    used: int
    resets_in: int  # whole seconds, at least one

    @property
    def exceeded(self) -> bool:
        """Whether this request was one too many."""
        return self.used > self.rate.times

    @property
    def headers(self) -> dict[str, str]:
        """The fields for the answer."""
        remaining = max(0, self.rate.times - self.used)
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.rate.times};w={self.rate.seconds}',
            "RateLimit": f'"{self.policy}";r={remaining};t={self.resets_in}',
        }


class RateLimit(BaseThrottle):
    """Counts the requests of each token, of each user without one, and of each address without either."""

    allowance: Allowance | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether the caller may have an answer; adds the headers to it."""
        self.allowance = _spend(*_caller(request, self.get_ident(request)))
        return _tell(view, self.allowance)

    def wait(self) -> float | None:
        """Seconds until the window ends."""
        return self.allowance.resets_in if self.allowance else None


def refusal(request: Request, view: Any) -> Throttled | None:
    """Counts an answer of 401 for the address that it goes to; what it gets instead where there were many.

    The framework looks at limits once it knows who is calling, so these would go uncounted.
    """
    address = BaseThrottle().get_ident(request)
    allowance = _spend("anonymous", settings.API_RATE_ANONYMOUS, address)
    if _tell(view, allowance):
        return None
    return Throttled(allowance.resets_in if allowance else None)


def _tell(view: Any, allowance: Allowance | None) -> bool:
    if allowance is None:
        return True
    view.headers.update(allowance.headers)
    return not allowance.exceeded


def _caller(request: Request, address: str) -> tuple[str, Rate | None, str]:
    """The policy, its rate, and whom it counts.

    Tokens of tasks and of run tasks stand for no user, and are counted one by one: the view knows them.
    """
    if request.user.is_authenticated:
        token = getattr(request.auth, "pk", None)
        who = f"token:{token}" if token else f"user:{request.user.pk}"
        return "user", settings.API_RATE_USER, who
    if credentials := get_authorization_header(request):
        return "user", settings.API_RATE_USER, sha256(credentials).hexdigest()
    return "anonymous", settings.API_RATE_ANONYMOUS, address


def _spend(policy: str, rate: Rate | None, who: str) -> Allowance | None:
    """Counts a request; ``None`` where there is no limit, or nobody to count: Redis is away."""
    if rate is None:
        return None
    key = f"iacplatform:rate:{policy}:{who}"
    try:
        with redis_outage.watched():
            used, left = _count()(keys=[key], args=[rate.seconds * 1000], client=redis_client())
    except Spared:
        return None
    except RedisError as error:
        logger.warning("rate_limit_unavailable", error=str(error))
        return None
    return Allowance(policy, rate, used, max(1, -(-left // 1000)))


@lru_cache(maxsize=1)
def _count() -> Script:
    return redis_client().register_script(COUNT)
