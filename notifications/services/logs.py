"""Logs: sending a message again that was given up, and forgetting old ones."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from iacplatform.common.errors import Conflict
from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbox import replay
from notifications.models import LogStatus, NotificationLog


@transaction.atomic
def replay_message(log: NotificationLog) -> None:
    """Gives a message that was given up all its attempts again; raises ``Conflict`` for any other."""
    entry = OutboxEntry.objects.filter(key=log.delivery_key).first()
    if log.status != LogStatus.FAILED or entry is None:
        raise Conflict("Only a message that was given up can be sent again")
    replay(entry)
    NotificationLog.objects.filter(pk=log.pk).update(
        status=LogStatus.PENDING, retry_count=0, next_retry_at=None, completed_at=None
    )
    log.refresh_from_db()


def prune_logs() -> int:
    """Deletes logs of messages that ended ``NOTIFICATION_LOG_KEEP_DAYS`` ago; returns how many."""
    limit = Now() - timedelta(days=settings.NOTIFICATION_LOG_KEEP_DAYS)
    deleted, _ = NotificationLog.objects.filter(completed_at__lt=limit).delete()
    return deleted
