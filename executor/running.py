"""The stages that this process is running now, and what keeps their claims alive.

One thread a process renews the leases of all its stages in one statement, says that the host is there, and
passes on what the rows tell: a cancellation, or that a claim was taken away.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from executor.claims import Claim, Renewal, renew
from executor.core.cancellation import CancelToken
from executor.models import WorkerHost

FENCED = "the claim on this stage was taken away"
logger = structlog.get_logger(__name__)


class RunningStages:
    """Claims of this process with the token through which each can be stopped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[int, CancelToken] = {}

    @contextmanager
    def register(self, claim: Claim) -> Iterator[CancelToken]:
        """Keeps a claim alive as long as the block runs."""
        cancel = CancelToken()
        with self._lock:
            self._stages[claim.token] = cancel
        try:
            yield cancel
        finally:
            with self._lock:
                del self._stages[claim.token]
            cancel.close()

    def renew_all(self) -> None:
        """Extends every lease and asks those stages to stop that were cancelled or taken away."""
        with self._lock:
            mine = dict(self._stages)
        if not mine:
            return
        renewed = {renewal.token: renewal for renewal in renew(list(mine))}
        with self._lock:
            for token in self._stages.keys() & mine.keys():
                _pass_on(self._stages[token], renewed.get(token))


def _pass_on(cancel: CancelToken, renewal: Renewal | None) -> None:
    if renewal is None:
        cancel.request(FENCED)
    elif renewal.cancel_requested:
        cancel.request(renewal.cancel_reason)


running_stages = RunningStages()


class Heartbeat(threading.Thread):
    """Renews leases and the host's own row every ``RENEW_SECONDS`` until it is stopped."""

    def __init__(self, host: str, mode: str) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._host, self._mode = host, mode
        self._stopped = threading.Event()
        self._draining = False

    def run(self) -> None:
        """Beats; an outage of PostgreSQL is survived."""
        while not self._stopped.is_set():
            try:
                self._beat()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("heartbeat_failed", error=str(error).strip())
            finally:
                connection.close()
            self._stopped.wait(settings.RENEW_SECONDS)

    def _beat(self) -> None:
        WorkerHost.objects.update_or_create(
            name=self._host,
            defaults={"mode": self._mode, "last_seen": Now(), "draining": self._draining},
        )
        running_stages.renew_all()

    def drain(self) -> None:
        """Says that this host takes no new work, so that nothing is sent to its own queue."""
        self._draining = True
        WorkerHost.objects.filter(pk=self._host).update(draining=True)

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
