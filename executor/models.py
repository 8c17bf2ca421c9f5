"""Worker processes that run stages."""

from datetime import timedelta

from django.conf import settings
from django.db import models

from workspaces.models import WorkspaceTask

HEARTBEATS = 3


def fresh() -> timedelta:
    """How long after its last heartbeat a host is taken to be there."""
    return timedelta(seconds=HEARTBEATS * settings.RENEW_SECONDS)


class WorkerHost(models.Model):
    """A host (or pod) that consumes stages; its name is also the name of its queue."""

    name = models.CharField(max_length=255, primary_key=True)
    mode = models.CharField(max_length=10)
    last_seen = models.DateTimeField()
    draining = models.BooleanField(default=False)
    slots = models.PositiveIntegerField(
        db_default=0, help_text="How many stages it runs at once; 0 where it has not said so"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ReconcilerState(models.Model):
    """When the reconciler last worked, in one row: a gap means that leases could not be renewed."""

    last_ok = models.DateTimeField()
    spare_until = models.DateTimeField(null=True, help_text="No lease is taken as expired earlier")
    beat_at = models.DateTimeField(null=True, help_text="When beat last had a sweep done")

    def __str__(self) -> str:
        return f"last worked {self.last_ok}"


class StoredLeftovers(models.Model):
    """Says that the log of a task that has ended has what attempts had left of it on a host.

    Written in the transaction that stores those lines: where the worker dies before it has removed them
    from its disk, they are not stored again.
    """

    task = models.ForeignKey(WorkspaceTask, on_delete=models.CASCADE, related_name="+")
    host = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "host"], name="leftovers_are_stored_once"),
        ]

    def __str__(self) -> str:
        return f"lines of {self.task} from {self.host}"
