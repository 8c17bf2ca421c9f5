"""Celery's door to the app."""

from celery import shared_task

from workspaces.drift.services import pruning, scheduler


@shared_task
def schedule_checks() -> None:
    """Starts the background checks that are due."""
    scheduler.schedule_checks()


@shared_task
def prune_checks() -> None:
    """Removes old checks."""
    pruning.prune_checks()
