"""What a Celery worker process does when it starts and stops, if it consumes stages."""

from typing import Any

from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError

from executor.running import Heartbeat
from workspaces.task_status import ExecutionMode

_heartbeats: list[Heartbeat] = []


def consumed_mode(queues: Any) -> str | None:
    """The execution mode whose stages a worker consumes, from the names of its queues."""
    names = {str(name) for name in queues}
    return next((mode for mode in ExecutionMode.values if f"stages.{mode}" in names), None)


@worker_ready.connect
def start_heartbeat(sender: Any, **_: Any) -> None:
    """A worker of a stage queue keeps its claims alive and says that its host is there."""
    mode = consumed_mode(sender.app.amqp.queues.consume_from)
    if mode is not None:
        heartbeat = Heartbeat(settings.WORKER_HOST, mode)
        heartbeat.start()
        _heartbeats.append(heartbeat)


@worker_shutting_down.connect
def drain(**_: Any) -> None:
    """A worker that was told to stop gets no new stages."""
    for heartbeat in _heartbeats:
        try:
            heartbeat.drain()
        except DatabaseError:
            # Nobody can be told now; a host that stops beating is passed over all the same.
            continue


@worker_shutdown.connect
def stop_heartbeat(**_: Any) -> None:
    """Running stages have ended: nothing is left to renew."""
    for heartbeat in _heartbeats:
        heartbeat.stop()
