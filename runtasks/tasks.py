"""Celery's door to the app."""

from celery import shared_task

from runtasks.services import timeouts


@shared_task
def expire_results() -> None:
    """Ends the results that nobody answered in time."""
    timeouts.expire_results()
