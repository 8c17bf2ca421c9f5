"""Celery's door to the app."""

from celery import shared_task

from workspaces.cmdb.services import pulling, sync_requests, syncing


@shared_task
def sweep() -> None:
    """Releases what dead workers held, and asks for the syncs and pulls that are due."""
    syncing.release_stale()
    sync_requests.sweep_states()
    pulling.fail_stale()
    pulling.request_due()
