"""Celery's door to what every app shares."""

from celery import shared_task

from iacplatform.common.idempotency import answers
from iacplatform.common.outbox import delivery, entries


@shared_task
def deliver_due() -> None:
    """Delivers what is due in the outbox."""
    delivery.deliver_due()


@shared_task
def prune_outbox() -> None:
    """Forgets what was delivered long ago."""
    entries.prune()


@shared_task
def prune_idempotency_keys() -> None:
    """Forgets what was answered long ago."""
    answers.prune()
