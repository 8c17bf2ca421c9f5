"""Celery's consumer, for a worker that outlives whatever happens to its connection to Redis.

Celery ends the process at any error that it does not know as a connection's, and some of those that
follow a lost connection are of that kind. Every apply of the process would be interrupted, because a
hint could not be read.
"""

from typing import Any

import structlog
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

RETRY_SECONDS = 2.0
logger = structlog.get_logger(__name__)


class HintConsumer(Consumer):
    """Reads hints; when that fails, for whatever reason, it connects again and goes on."""

    connection_errors: tuple[type[Exception], ...]
    channel_errors: tuple[type[Exception], ...]
    task_consumer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._expected = (*self.connection_errors, *self.channel_errors)
        # Those after which Celery connects again.
        self.connection_errors = (Exception,)

    def ensure_connected(self, conn: Any) -> Any:
        """Connects, however long it takes; Celery would wait longer after each attempt, up to 30 s."""
        return conn.ensure_connection(
            _tell, interval_start=RETRY_SECONDS, interval_step=0, callback=maybe_shutdown
        )

    def on_ready(self) -> None:
        """Called whenever it has connected: a hint that it took then is not sent back to the queue.

        It is in the pool already. And what cannot be sent back would be dumped into a file.
        """
        self.task_consumer.channel.qos.restore_at_shutdown = False
        super().on_ready()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Gives the connection up, even if it cannot be closed properly."""
        if not isinstance(exc, self._expected):
            logger.error("consumer_failed", exc_info=exc)
        try:
            super().on_connection_error_after_connected(exc)
        except Exception:  # its sockets are closed when it is collected
            logger.exception("connection_not_closed")

    def on_close(self) -> None:
        """Forgets nothing: Celery's own takes slots for free whose thread has yet to say that it works."""


def _tell(error: Exception, seconds: float) -> None:
    logger.warning("broker_away", error=str(error), retry_seconds=seconds)
