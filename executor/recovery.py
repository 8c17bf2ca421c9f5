"""The reconciler: stages whose worker stopped renewing its claim (design §3, durable-celery §2.5).

Correct when it runs twice at once, and when it is killed at any line: each stage is one transaction
that locks its row and looks again.
"""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from executor.dispatch import dispatch_after_commit
from executor.interruption import fall_back_to_checkpoint, open_rescue, reserve_for_owner
from executor.lost_lines import PublishedLinesUnknown, append_line, store_published
from executor.pipeline import advance, end_task, fail_unsaved
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.task_status import Stage, StageStatus

# Where PostgreSQL was away nobody could renew a lease: the first to come back must not take the work of
# the others. So nothing is taken for a whole lease after PostgreSQL's start, nor after a gap in which
# no reconciler could work (a failover, a network that was split). One gap spares once: where sweeps are
# always late, the next one after that takes over all the same.
MAY_TAKE_OVER = """
INSERT INTO executor_reconcilerstate AS known (id, last_ok, spare_until)
VALUES (1, clock_timestamp(), NULL)
    ON CONFLICT (id) DO UPDATE
   SET spare_until = CASE
           WHEN known.spare_until > clock_timestamp() THEN known.spare_until
           WHEN known.spare_until IS NULL
                AND clock_timestamp() - known.last_ok > %(gap)s * interval '1 second'
           THEN clock_timestamp() + %(lease)s * interval '1 second' END,
       last_ok = clock_timestamp()
RETURNING spare_until IS NULL
      AND pg_postmaster_start_time() + %(lease)s * interval '1 second' <= clock_timestamp()
"""
EXPIRED = """
SELECT id, task_id FROM workspaces_taskstage
 WHERE status = 'running' AND lease_until < clock_timestamp() ORDER BY lease_until
"""
# Twice as long as a control worker waits between two sweeps where beat is dead.
SHORTEST_GAP = 10.0
# These only read and store, and what hangs on them is worth more than a few tries.
FEWEST_RETRIES = 3
logger = structlog.get_logger(__name__)


def expired_stages() -> list[tuple[int, int]]:
    """Ids of running stages, each with its task's, whose lease is over; none during an outage's grace."""
    lease = settings.LEASE_SECONDS
    with connection.cursor() as cursor:
        cursor.execute(MAY_TAKE_OVER, {"lease": lease, "gap": max(lease / 2, SHORTEST_GAP)})
        if cursor.fetchone() != (True,):
            return []
        cursor.execute(EXPIRED)
        return list(cursor.fetchall())


def recover(stage_id: int, task_id: int) -> None:
    """Takes an expired claim away: the stage is run again, or an apply's state is rescued."""
    try:
        _recover(stage_id, task_id)
    except PublishedLinesUnknown:
        logger.info("recovery_waits_for_redis", task_id=task_id)


def _recover(stage_id: int, task_id: int) -> None:
    with transaction.atomic():
        expired = TaskStage.objects.filter(
            pk=stage_id, status=StageStatus.RUNNING, lease_until__lt=Now()
        )
        stage = expired.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if stage is None:
            return
        task = WorkspaceTask.objects.select_for_update(of=("self",), no_key=True).get(pk=task_id)
        logger.warning("stage_lost", task_id=task_id, stage=stage.name, host=stage.owner)
        store_published(stage)
        _take_over(task, stage)


def _take_over(task: WorkspaceTask, stage: TaskStage) -> None:
    if stage.name == Stage.APPLYING:
        _close(stage, StageStatus.LOST)
        dispatch_after_commit(open_rescue(task, stage))
    elif task.cancel_requested_at is not None and stage.name not in GIVE_UP:
        _close(stage, StageStatus.CANCELLED)
        end_task(task, "cancelled", task.cancel_reason)
    elif stage.attempts > _retries(task, stage):
        _close(stage, StageStatus.LOST)
        append_line(task, _lost_again(stage), level="ERROR")
        GIVE_UP.get(stage.name, _fail)(task, stage)
    else:
        again = f"attempt {stage.attempts + 1} of {_retries(task, stage) + 1}"
        append_line(task, f"Worker {stage.owner} was lost in {stage.name}: {again} follows.")
        _make_ready(task, stage)
        dispatch_after_commit(stage)


def _retries(task: WorkspaceTask, stage: TaskStage) -> int:
    allowed = task.workspace.max_retries
    return max(allowed, FEWEST_RETRIES) if stage.name in GIVE_UP else allowed


def _close(stage: TaskStage, status: StageStatus) -> None:
    stage.status, stage.lease_until = status, None
    stage.message = f"worker {stage.owner} was lost"
    stage.finished_at = Now()
    stage.save(update_fields=["status", "lease_until", "message", "finished_at"])


def _make_ready(task: WorkspaceTask, stage: TaskStage) -> None:
    stage.status, stage.token, stage.lease_until = StageStatus.READY, None, None
    stage.message = f"worker {stage.owner} was lost in attempt {stage.attempts}"
    stage.prefer_host, stage.dispatched_at, stage.dispatch_count = stage.owner, None, 0
    stage.not_before = None
    stage.save()
    if stage.name == Stage.RESCUE:
        reserve_for_owner(stage, task)


def _lost_again(stage: TaskStage) -> str:
    workers = "worker was" if stage.attempts == 1 else "workers were"
    return (
        f"platform error: {stage.attempts} {workers} lost in {stage.name}, "
        f"the last was {stage.owner}"
    )


def _fail(task: WorkspaceTask, stage: TaskStage) -> None:
    end_task(task, "failed", _lost_again(stage))


def _fail_unsaved(task: WorkspaceTask, stage: TaskStage) -> None:
    fail_unsaved(task, _lost_again(stage))


def _give_up_rescue(task: WorkspaceTask, stage: TaskStage) -> None:
    fall_back_to_checkpoint(task, token=stage.token or 0, why=_lost_again(stage))
    advance(task, stage, send=dispatch_after_commit)


# What an apply has changed must not be lost with the workers that try to save it.
GIVE_UP: dict[str, Callable[[WorkspaceTask, TaskStage], None]] = {
    Stage.RESCUE: _give_up_rescue,
    Stage.SAVING_STATE: _fail_unsaved,
}
