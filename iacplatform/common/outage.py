"""Sparing those who would wait for a service that has just not answered."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import kombu.exceptions
import redis.exceptions

# In all, a process spends about a fifth of an outage with waiting for its end.
SPARED_FACTOR = 4.0
LEAST_SECONDS = 0.5
# Longer than any time-out of such a call.
TRIED_SECONDS = 2.0
FAILURES = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    kombu.exceptions.OperationalError,
    OSError,
)


class Spared(redis.exceptions.ConnectionError):
    """The service was not asked: a moment ago it did not answer."""


class Outage:
    """What a process knows of a service that may be lost without harm, by how its last calls went.

    After a call that has failed nobody asks for four times as long as that took; then one caller
    tries it. So a server that hangs costs its time-out once in a while, one that refuses next to
    nothing, and its return is noticed the sooner.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spared_until = 0.0  # time.monotonic(); 0 where the last call went well

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Runs a call to the service, whose errors pass, or raises :class:`Spared` at once."""
        self._check()
        started = time.monotonic()
        try:
            yield
        except FAILURES:
            now = time.monotonic()
            self._spared_until = now + max(LEAST_SECONDS, SPARED_FACTOR * (now - started))
            raise
        self.end()

    def end(self) -> None:
        """Forgets that it has not answered."""
        self._spared_until = 0.0

    def _check(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._spared_until:
                raise Spared("It has not answered a moment ago.")
            if self._spared_until:  # this caller tries it; the others do not wait as well
                self._spared_until = now + TRIED_SECONDS
