"""What the start page says of the CMDB (``START_PAGE_SECTIONS``)."""

from django.utils import timezone

from iacplatform.common.figures import Figure, Section
from workspaces.cmdb.models import ExternalSource, PullStatus, SyncStatus, WorkspaceSync


def inventory() -> Section:
    """Indexes that are behind, and sources that do not answer."""
    now = timezone.now()
    stuck = WorkspaceSync.objects.filter(status=SyncStatus.SYNCING, lease_expires_at__lt=now)
    syncing = {"status__exact": SyncStatus.SYNCING.value, "lease_expires_at__lt": now.isoformat()}
    failed = ExternalSource.objects.filter(last_sync_status=PullStatus.FAILED)
    pulls = {"last_sync_status__exact": PullStatus.FAILED.value}
    return Section(
        "Checks and what follows",
        [
            Figure("CMDB: syncs that were left", stuck, syncing, "lease_expires_at", "bad"),
            Figure("CMDB: sources that failed", failed, pulls, "last_sync_at", "bad"),
        ],
    )
