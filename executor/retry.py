"""Transactions that outlive an outage of PostgreSQL."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

Result = TypeVar("Result")
PAUSE_SECONDS = 0.3
logger = structlog.get_logger(__name__)


def retry_transaction(act: Callable[[], Result], *, seconds: float) -> Result:
    """Runs ``act`` again while PostgreSQL is away, for at most ``seconds``.

    ``act`` must be one transaction that is safe to repeat: conditional UPDATEs that recognise their own
    earlier success, because the reply to a COMMIT may be lost (durable-celery §2.2).
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if time.monotonic() > deadline:
                raise
            logger.warning("database_away", error=str(error).strip())
            time.sleep(PAUSE_SECONDS)
