"""Worker processes that run stages."""

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

FRESH = timedelta(seconds=15)


class WorkerHostQuerySet(models.QuerySet["WorkerHost"]):
    """Reads of worker hosts."""

    def taking_work(self) -> "WorkerHostQuerySet":
        """Hosts that renewed their row lately and are not about to stop; PostgreSQL's clock decides."""
        return self.filter(draining=False, last_seen__gt=Now() - FRESH)


class WorkerHost(models.Model):
    """A host (or pod) that consumes stages; its name is also the name of its queue."""

    name = models.CharField(max_length=255, primary_key=True)
    mode = models.CharField(max_length=10)
    last_seen = models.DateTimeField()
    draining = models.BooleanField(default=False)

    objects = WorkerHostQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
