"""Threads that do something again and again, and outlive an outage of what they talk to."""

import threading
from collections.abc import Callable

import structlog
from django.db import connection

logger = structlog.get_logger(__name__)


class Periodic(threading.Thread):
    """Calls ``act`` every ``seconds``, at once for the first time, until it is stopped."""

    def __init__(self, name: str, act: Callable[[], object], seconds: float) -> None:
        super().__init__(name=name, daemon=True)
        self._act, self._seconds = act, seconds
        self._stopped = False
        self._woken = threading.Event()

    def run(self) -> None:
        """Works until :meth:`stop`; an error is logged and the next time comes."""
        while not self._stopped:
            try:
                self._act()
            except Exception:  # a thread that ends says nothing, and leases run out
                logger.exception("periodic_failed", thread=self.name)
            finally:
                connection.close()
            self._woken.wait(self._seconds)
            self._woken.clear()

    def wake(self) -> None:
        """Lets the next time come now."""
        self._woken.set()

    def stop(self) -> None:
        """Ends the thread after what it is doing."""
        self._stopped = True
        self._woken.set()
