"""Celery's door to the app."""

from celery import shared_task

from iacplatform.accounts import sessions
from iacplatform.accounts.audit import retention


@shared_task
def prune_audit_log() -> None:
    """Forgets entries of the audit log that are older than they are kept."""
    retention.prune_audit_log()


@shared_task
def prune_revoked_access_tokens() -> None:
    """Forgets access tokens that have ended by themselves."""
    sessions.prune_revoked_access_tokens()
