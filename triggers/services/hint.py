"""The hint that something is due: losing one, or sending it twice, changes nothing."""

import structlog
from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import KombuError
from redis import RedisError

FIRE_DUE = "triggers.tasks.fire_due"
QUEUE = "control"
# A hint that nobody took for so long was one too many: beat sends another every two seconds.
HINT_SECONDS = 60
logger = structlog.get_logger(__name__)


def hint_after_commit() -> None:
    """Lets what is due be fired after the commit."""
    if not any(registered[1] is _hint for registered in connection.run_on_commit):
        transaction.on_commit(_hint)


def _hint() -> None:
    try:
        current_app.send_task(FIRE_DUE, queue=QUEUE, expires=HINT_SECONDS)
    except (KombuError, RedisError, OSError) as error:
        # The rows are the truth: beat sends the hint again when Redis is back.
        logger.warning("trigger_hint_failed", error=str(error))
