"""What the start page says of drift (``START_PAGE_SECTIONS``)."""

from datetime import timedelta

from django.utils import timezone

from iacplatform.common.figures import Figure, Section
from workspaces.drift.models import DriftCheck, DriftStatus
from workspaces.drift.models.check import OPEN

SLOW = timedelta(hours=1)


def drift() -> Section:
    """Workspaces that drifted, and checks that do not come to an end."""
    drifted = DriftStatus.objects.filter(has_drift=True)
    before = timezone.now() - SLOW
    slow = DriftCheck.objects.filter(status__in=sorted(OPEN), created_at__lt=before)
    lookups = {"status__in": ",".join(sorted(OPEN)), "created_at__lt": before.isoformat()}
    return Section(
        "Checks and what follows",
        [
            Figure("drifted", drifted, {"has_drift__exact": 1}, "drifted_since", "attention"),
            Figure("drift checks open for an hour", slow, lookups, "created_at", "bad"),
        ],
    )
