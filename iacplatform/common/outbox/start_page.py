"""What the start page says of the outbox (``START_PAGE_SECTIONS``)."""

from datetime import timedelta

from django.utils import timezone

from iacplatform.common.figures import Figure, Section
from iacplatform.common.models import OPEN, OutboxEntry, OutboxStatus

LATE = timedelta(minutes=1)


def deliveries() -> Section:
    """What others are still owed, what is late, and what was given up."""
    owed = OutboxEntry.objects.filter(status__in=OPEN)
    late = timezone.now() - LATE
    dead = OutboxEntry.objects.filter(status=OutboxStatus.DEAD)
    is_open = {"status__in": ",".join(OPEN)}
    return Section(
        "Deliveries",
        [
            Figure("outbox: to be delivered", owed, is_open, "created_at"),
            Figure(
                "outbox: due for a minute and not delivered",
                owed.filter(next_attempt_at__lt=late),
                is_open | {"next_attempt_at__lt": late.isoformat()},
                "next_attempt_at",
                "bad",
            ),
            Figure(
                "outbox: given up",
                dead,
                {"status__exact": OutboxStatus.DEAD.value},
                "created_at",
                "bad",
            ),
        ],
    )
