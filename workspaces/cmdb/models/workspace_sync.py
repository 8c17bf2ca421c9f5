"""How far the index of each workspace is (reference §5.12, H6)."""

from django.db import models
from django.db.models import Q

from workspaces.models import Workspace


class SyncStatus(models.TextChoices):
    """Whether somebody is at it."""

    IDLE = "idle", "Idle"
    SYNCING = "syncing", "Syncing"


class SyncTrigger(models.TextChoices):
    """Why a workspace is synchronised."""

    AUTO = "auto", "A new state"
    MANUAL = "manual", "Somebody asked for it"
    REBUILD = "rebuild", "All workspaces are rebuilt"


class WorkspaceSync(models.Model):
    """A workspace's synchronisation: the present one's claim, and what came of the last.

    ``token`` is the claim of whoever is at it, until ``lease_expires_at``. ``synced_version`` is the state
    version that the index shows.
    """

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, primary_key=True, related_name="cmdb_sync"
    )
    status = models.CharField(max_length=10, choices=SyncStatus.choices, default=SyncStatus.IDLE)
    triggered_by = models.CharField(
        max_length=10, choices=SyncTrigger.choices, default=SyncTrigger.AUTO
    )
    token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True, help_text="Empty if the last one succeeded")
    synced_version = models.PositiveIntegerField(null=True)
    resource_count = models.PositiveIntegerField(default=0)
    added_count = models.PositiveIntegerField(default=0, help_text="By the last one")
    updated_count = models.PositiveIntegerField(default=0, help_text="By the last one")
    deleted_count = models.PositiveIntegerField(default=0, help_text="By the last one")

    class Meta:
        verbose_name = "workspace synchronisation"
        indexes = [
            models.Index(
                fields=["lease_expires_at"],
                condition=Q(status="syncing"),
                name="cmdb_running_syncs",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status=SyncStatus.IDLE, token=None, lease_expires_at=None)
                | Q(status=SyncStatus.SYNCING, token__isnull=False, lease_expires_at__isnull=False),
                name="a_sync_is_idle_or_claimed",
            ),
        ]

    def __str__(self) -> str:
        return f"synchronisation of {self.workspace}"
