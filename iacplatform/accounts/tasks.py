"""Celery's door to the app."""

from celery import shared_task

from iacplatform.accounts.audit import retention


@shared_task
def prune_audit_log() -> None:
    """Forgets entries of the audit log that are older than they are kept."""
    retention.prune_audit_log()
