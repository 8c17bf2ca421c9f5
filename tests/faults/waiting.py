"""Waiting for what a running system will do, over its outages."""

import time
from collections.abc import Callable

import psycopg
import redis
import requests

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05
OUTAGES = (psycopg.OperationalError, redis.RedisError, requests.RequestException)


class Violation(Exception):
    """A promise was not kept."""


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Waits until ``condition()`` holds and returns the seconds it took; an outage is no answer.

    Raises :class:`Violation` naming ``what`` when it does not hold in time.
    """
    started = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - started
        except OUTAGES:
            pass
        if time.monotonic() > started + seconds:
            raise Violation(f"{what}: not within {seconds:g} s")
        time.sleep(POLL_SECONDS)


def demand(holds: object, otherwise: str) -> None:
    """Raises :class:`Violation` with ``otherwise`` unless the promise holds."""
    if not holds:
        raise Violation(otherwise)
