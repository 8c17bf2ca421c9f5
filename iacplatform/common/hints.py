"""Celery messages that only say "look at the rows": losing one, or sending it twice, changes nothing."""

from functools import lru_cache
from typing import Any

from celery import Celery
from celery.app import app_or_default
from kombu.pools import ProducerPool, producers

from iacplatform.common.outage import Outage

# A worker may wait longer for its messages; requests wait for this.
SEND_SECONDS = 1.0
broker_outage = Outage()


def send_hint(name: str, *args: int, queue: str, **options: Any) -> None:
    """Sends the Celery task ``name`` into ``queue``; ``options`` are those of ``send_task``.

    Where the broker is away it raises ``KombuError``, ``RedisError`` or ``OSError``, after
    :data:`SEND_SECONDS` or at once: there is somebody who finds the rows without a hint.
    """
    app = app_or_default()
    with _pool(app).acquire(block=True, timeout=SEND_SECONDS) as producer, broker_outage.watched():
        app.send_task(name, args, queue=queue, producer=producer, **options)


@lru_cache(maxsize=1)
def _pool(app: Celery) -> ProducerPool:
    once = {
        "socket_timeout": SEND_SECONDS,
        "socket_connect_timeout": SEND_SECONDS,
        "max_retries": 0,
    }
    pool: ProducerPool = producers[app.connection_for_write(transport_options=once)]
    return pool
