"""Celery's door to the executor: each task is a hint that carries one id."""

from celery import shared_task

from executor import sweep as sweeping
from executor import worker


@shared_task
def run_stage(stage_id: int) -> None:
    """Runs a stage of a WorkspaceTask, if nobody else does."""
    worker.run_stage(stage_id)


@shared_task
def sweep() -> None:
    """Finds what was forgotten; only beat sends this."""
    sweeping.note_beat()
    sweeping.sweep()
