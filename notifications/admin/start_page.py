"""What the start page says of notifications (``START_PAGE_SECTIONS``)."""

from datetime import timedelta

from django.utils import timezone

from iacplatform.common.figures import Figure, Section
from notifications.models import LogStatus, NotificationLog

LATELY = timedelta(hours=24)


def messages() -> Section:
    """Messages that nobody got."""
    since = timezone.now() - LATELY
    rows = NotificationLog.objects.filter(status=LogStatus.FAILED, completed_at__gte=since)
    lookups = {"status__exact": LogStatus.FAILED.value, "completed_at__gte": since.isoformat()}
    label = "notifications given up in the last 24 hours"
    return Section("Deliveries", [Figure(label, rows, lookups, "completed_at", "bad")])
