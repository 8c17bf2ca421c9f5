"""Probes: does the process live, and could it serve a request now?"""

from collections.abc import Callable

import structlog
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from redis import RedisError

from iacplatform.common.redis_client import redis_client

logger = structlog.get_logger(__name__)


def live(request: HttpRequest) -> JsonResponse:
    """``/health`` and ``/health/live``: the process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """``/health/ready``: 200 where PostgreSQL and Redis answer, else 503 saying which does not."""
    checks = {name: _answers(name, ask) for name, ask in CHECKS.items()}
    healthy = set(checks.values()) == {"ok"}
    body = {"status": "ok" if healthy else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if healthy else 503)


def _answers(name: str, ask: Callable[[], None]) -> str:
    try:
        ask()
    except (DatabaseError, RedisError) as error:
        logger.warning("not_ready", service=name, error=str(error))
        return "unavailable"
    return "ok"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_redis() -> None:
    redis_client().ping()


CHECKS: dict[str, Callable[[], None]] = {"database": _ask_database, "redis": _ask_redis}
