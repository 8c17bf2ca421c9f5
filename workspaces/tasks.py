"""Celery's door to the app."""

from celery import shared_task

from workspaces.services import state_retention


@shared_task
def prune_states() -> None:
    """Removes the state versions that no limit keeps."""
    state_retention.prune_states()
