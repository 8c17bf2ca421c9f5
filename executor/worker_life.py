"""What a Celery worker process does when it starts and stops, by the queues it consumes."""

from typing import Any

from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError
from django.db.models.functions import Now

from executor.leftovers import remove_leftovers
from executor.models import WorkerHost
from executor.periodic import Periodic
from executor.running import running_stages
from executor.sweep import sweep
from workspaces.task_status import ExecutionMode

CONTROL = "control"
LEFTOVERS_SECONDS = 60.0
SWEEP_SECONDS = 5.0


class Presence:
    """A host that consumes stages: says that it is there and keeps its claims alive."""

    def __init__(self, host: str, mode: str) -> None:
        self._host, self._mode = host, mode
        self._draining = False

    def renew(self) -> None:
        """Renews the host's row and, in one statement, the leases of all its stages."""
        WorkerHost.objects.update_or_create(
            name=self._host,
            defaults={"mode": self._mode, "last_seen": Now(), "draining": self._draining},
        )
        running_stages.renew_all()

    def drain(self) -> None:
        """Says that this host takes no new work, so that nothing is sent to its own queue."""
        self._draining = True
        try:
            self.renew()
        except DatabaseError:
            # The next renewal says it; until then a hint that goes astray is sent again.
            return


_presences: list[Presence] = []
_threads: list[Periodic] = []


def consumed_mode(queues: Any) -> str | None:
    """The execution mode whose stages a worker consumes, from the names of its queues."""
    names = {str(name) for name in queues}
    return next((mode for mode in ExecutionMode.values if f"stages.{mode}" in names), None)


@worker_ready.connect
def start_threads(sender: Any, **_: Any) -> None:
    """A stage worker keeps its claims alive and its disk clean, a control worker sweeps."""
    queues = sender.app.amqp.queues.consume_from
    mode = consumed_mode(queues)
    if mode is not None:
        presence = Presence(settings.WORKER_HOST, mode)
        _presences.append(presence)
        _threads.append(Periodic("heartbeat", presence.renew, settings.RENEW_SECONDS))
        _threads.append(Periodic("leftovers", remove_leftovers, LEFTOVERS_SECONDS))
    if CONTROL in queues:
        # Beside beat, which may be dead: together they sweep no more than one of them would.
        _threads.append(Periodic("sweep", sweep, SWEEP_SECONDS))
    for thread in _threads:
        thread.start()


@worker_shutting_down.connect
def drain(**_: Any) -> None:
    """A worker that was told to stop gets no new stages; its running ones keep their claims."""
    for presence in _presences:
        presence.drain()


@worker_shutdown.connect
def stop_threads(**_: Any) -> None:
    """Running stages have ended: nothing is left to renew."""
    for thread in _threads:
        thread.stop()
