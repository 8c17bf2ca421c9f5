"""Celery's door to the app."""

from celery import shared_task

from notifications.services import logs


@shared_task
def prune_logs() -> None:
    """Forgets the logs of messages that ended long ago."""
    logs.prune_logs()
