"""Transactions that outlive an outage of PostgreSQL."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

Result = TypeVar("Result")
PAUSE_SECONDS = 0.3
# Classes of SQLSTATE (PostgreSQL manual, appendix A): connection lost, operator intervention …
AWAY = frozenset({"08", "57"})
# … conflict, lack of resources, object in use, error of the system. All others come again however often
# one tries: a value that is too large, a statement's own time limit.
PASSING = AWAY | {"40", "53", "55", "58"}
STATEMENT_TIMEOUT = "57014"
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
            if time.monotonic() > deadline or not passes(error):
                raise
            logger.warning("database_away", error=str(error).strip())
            time.sleep(PAUSE_SECONDS)


def passes(error: Exception) -> bool:
    """Whether what PostgreSQL could not do now it may do later."""
    state = sqlstate(error)
    return not state or (state[:2] in PASSING and state != STATEMENT_TIMEOUT)


def is_away(error: Exception) -> bool:
    """Whether PostgreSQL could not be asked at all."""
    return passes(error) and sqlstate(error)[:2] in {"", *AWAY}


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of a database error, empty where it has not answered."""
    return str(getattr(error.__cause__, "sqlstate", None) or "")
