"""Delivering webhooks without a worker."""

from django.db.models.functions import Now

from iacplatform.common.models import OPEN, OutboxEntry
from iacplatform.common.outbox.delivery import deliver_due


def deliver_all() -> None:
    """Delivers until nothing is due: on a slow machine one turn of a deliverer may not be enough."""
    due = OutboxEntry.objects.filter(status__in=OPEN, next_attempt_at__lte=Now())
    while due.exists():
        deliver_due()
