"""Forgetting old entries, the one way to delete any."""

from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from iacplatform.accounts.audit.models import AuditEntry

BATCH = 5000


def prune_audit_log() -> int:
    """Deletes entries older than ``AUDIT_KEEP_DAYS``, where that is not 0; returns how many."""
    if not settings.AUDIT_KEEP_DAYS:
        return 0
    deleted = 0
    while batch := _prune_batch():
        deleted += batch
    return deleted


@transaction.atomic
def _prune_batch() -> int:
    limit = Now() - timedelta(days=settings.AUDIT_KEEP_DAYS)
    old = AuditEntry.objects.filter(at__lt=limit).order_by("at", "id").values("pk")[:BATCH]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL iacplatform.audit_retention = 'on'")
        deleted = AuditEntry.objects.filter(pk__in=list(old.values_list("pk", flat=True)))
        count, _ = deleted.delete()
        cursor.execute("SET LOCAL iacplatform.audit_retention = 'off'")
    return count
