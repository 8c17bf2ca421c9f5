"""What a Celery worker process does when it starts and stops, by the queues it consumes."""

import threading
from typing import Any

import structlog
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db.models.functions import Now

from executor.cancel_watcher import WATCH_SECONDS, CancelWatcher
from executor.leftovers import remove_leftovers
from executor.models import WorkerHost
from executor.periodic import Periodic
from executor.running import RunningStages, running_stages
from executor.sweep import sweep
from iacplatform.common.outbox.hint import hint
from workspaces.task_status import ExecutionMode

CONTROL = "control"
LEFTOVERS_SECONDS = 10.0
SWEEP_SECONDS = 5.0
logger = structlog.get_logger(__name__)


class Presence:
    """A host that consumes stages: says that it is there and keeps its claims alive."""

    def __init__(self, host: str, mode: str, running: RunningStages) -> None:
        self._host, self._mode, self._running = host, mode, running
        self._told = False
        self.draining = False

    def renew(self) -> None:
        """Renews, in one statement, the leases of all its stages, and the host's row."""
        self._running.renew_all()
        if self._told:
            # A process that was started in its place may have made the row its own.
            WorkerHost.objects.filter(name=self._host, draining=True).update(last_seen=Now())
            return
        draining = self.draining
        now = {"last_seen": Now(), "draining": draining, "slots": self._running.slots}
        WorkerHost.objects.update_or_create(name=self._host, defaults={"mode": self._mode} | now)
        self._told = draining


class Drain(threading.Thread):
    """Waits until the worker is told to stop; then lets its stages end in time (design §3).

    Plans are handed over to other workers at once. What must be finished has
    ``DRAIN_GRACE_SECONDS``; after that the engine of an apply is stopped and its state saved. Celery
    itself takes no more messages and waits for the last stage (warm shutdown); claims, cancellations and
    logs go on meanwhile.
    """

    def __init__(self, presence: Presence, heartbeat: Periodic, running: RunningStages) -> None:
        super().__init__(name="drain", daemon=True)
        self._presence, self._heartbeat, self._running = presence, heartbeat, running
        self._asked = threading.Event()
        self._ended = threading.Event()

    def run(self) -> None:
        """Waits, then drains."""
        self._asked.wait()
        if self._ended.is_set():
            return
        logger.info("worker_drains", stages=len(self._running.claims()))
        self._running.drain()
        self._heartbeat.wake()
        if not self._ended.wait(settings.DRAIN_GRACE_SECONDS):
            self._running.end_drain()

    def ask(self) -> None:
        """Tells the worker to stop. Called in a signal handler: a second signal may interrupt it."""
        if not self._presence.draining:
            self._presence.draining = True
            self._asked.set()

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self._asked.set()


_threads: list[Periodic | Drain] = []
_drains: list[Drain] = []


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
        running_stages.slots = sender.pool.limit
        presence = Presence(settings.WORKER_HOST, mode, running_stages)
        heartbeat = Periodic("heartbeat", presence.renew, settings.RENEW_SECONDS)
        watcher = CancelWatcher(running_stages)
        drain = Drain(presence, heartbeat, running_stages)
        _drains.append(drain)
        _threads.extend([heartbeat, drain])
        _threads.append(Periodic("cancel-watcher", watcher.watch, WATCH_SECONDS))
        _threads.append(Periodic("leftovers", remove_leftovers, LEFTOVERS_SECONDS))
    if CONTROL in queues:
        # Beside beat, which may be dead: together they sweep no more than one of them would.
        _threads.append(Periodic("sweep", sweep, SWEEP_SECONDS))
        _threads.append(Periodic("outbox", hint, SWEEP_SECONDS))
    for thread in _threads:
        thread.start()


@worker_shutting_down.connect
def drain(**_: Any) -> None:
    """A worker that was told to stop gets no new stages and gives away what others can go on with."""
    for thread in _drains:
        thread.ask()


@worker_shutdown.connect
def stop_threads(**_: Any) -> None:
    """Running stages have ended: nothing is left to renew."""
    for thread in _threads:
        thread.stop()
