"""The hint that something is due: losing one, or sending it twice, changes nothing."""

import structlog
from django.db import connection, transaction
from kombu.exceptions import KombuError
from redis import RedisError

from iacplatform.common.hints import send_hint

DELIVER_DUE = "iacplatform.common.tasks.deliver_due"
QUEUE = "delivery"
# A hint that nobody took for so long was one too many: beat sends another every two seconds.
HINT_SECONDS = 60
logger = structlog.get_logger(__name__)


def hint_after_commit() -> None:
    """Wakes a deliverer after the commit, once for all entries of the transaction."""
    if not any(registered[1] is hint for registered in connection.run_on_commit):
        transaction.on_commit(hint)


def hint() -> None:
    """Wakes a deliverer."""
    try:
        send_hint(DELIVER_DUE, queue=QUEUE, expires=HINT_SECONDS)
    except (KombuError, RedisError, OSError) as error:
        # The rows are the truth: beat sends the hint again when Redis is back.
        logger.warning("outbox_hint_failed", error=str(error))
