"""Pruning: the history of checks is kept for a while."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from workspaces.drift.models import DriftCheck, DriftStatus

BATCH = 1000


def prune_checks() -> int:
    """Removes checks older than ``DRIFT_KEEP_DAYS`` and returns how many.

    What a workspace's status refers to stays, however old.
    """
    removed = 0
    while batch := list(_old().values_list("pk", flat=True)[:BATCH]):
        DriftCheck.objects.filter(pk__in=batch).delete()
        removed += len(batch)
    return removed


def _old() -> QuerySet[DriftCheck]:
    known = DriftStatus.objects.filter(Q(last_check=OuterRef("pk")) | Q(result=OuterRef("pk")))
    before = Now() - timedelta(days=settings.DRIFT_KEEP_DAYS)
    return DriftCheck.objects.filter(~Exists(known), created_at__lt=before)
