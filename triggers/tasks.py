"""Celery's door to the app."""

from celery import shared_task

from triggers.services import firing


@shared_task
def fire_due() -> None:
    """Starts the tasks that applies of other workspaces have made due."""
    firing.fire_due()
