"""The sweep: what the normal path forgot, found again in the rows. Correct when it runs twice at once."""

from collections.abc import Callable, Iterable

import structlog
from django.db import connection
from django.db.models.functions import Now

from executor.dispatch import dispatch
from executor.models import ReconcilerState
from executor.pipeline import review_gate, waiting_gates
from executor.recovery import expired_stages, recover
from iacplatform.common.locks import try_exclusive
from workspaces.models import Workspace
from workspaces.services.approvals import expire_approvals
from workspaces.services.cancellation import settle_cancellations
from workspaces.services.locks import release_orphaned_locks
from workspaces.services.queue import start_next
from workspaces.task_status import TaskStatus

# After 2 s, and then after twice as long each time up to 32 s: where all workers are busy, a hint is late
# because it waits its turn, and repeating it every 2 s would only make the queue longer.
STALE_STAGES = """
SELECT stage.id FROM workspaces_taskstage AS stage
  JOIN workspaces_workspacetask AS task ON task.id = stage.task_id AND task.status = 'running'
 WHERE stage.status = 'ready'
   AND (stage.not_before IS NULL OR stage.not_before <= clock_timestamp())
   AND COALESCE(stage.dispatched_at, stage.created_at)
       < now() - interval '2 seconds' * power(2, GREATEST(0, LEAST(stage.dispatch_count - 1, 4)))
"""
logger = structlog.get_logger(__name__)


def sweep() -> None:
    """Does what the normal path has forgotten, or what nobody is left to do.

    Each part and each row stands alone: what fails is logged, and the rest is done.
    """
    with try_exclusive("executor.sweep") as mine:
        if not mine:
            return
        expired = expired_stages()
    _each(recover, expired)
    _each(review_gate, waiting_gates())
    _each(expire_approvals, [()])
    _each(settle_cancellations, [()])
    _each(release_orphaned_locks, [()])
    _each(start_next, _waiting_workspaces())
    _each(_send_hints, [()])


def note_beat() -> None:
    """Remembers that beat, and a control worker that heard it, are there."""
    ReconcilerState.objects.update(beat_at=Now())


def _each(act: Callable[..., object], rows: Iterable[tuple[int, ...]]) -> None:
    for row in rows:
        try:
            act(*row)
        except Exception:  # whatever it is, the other rows do not wait for it
            logger.exception("sweep_failed", row=row)


def _send_hints() -> None:
    """Sends the hints that are late; where Redis is away each would cost seconds, so the first says it."""
    with connection.cursor() as cursor:
        cursor.execute(STALE_STAGES)
        stale = cursor.fetchall()
    for (stage_id,) in stale:
        if not dispatch(stage_id, shared=True):
            return


def _waiting_workspaces() -> list[tuple[int]]:
    pending = Workspace.objects.filter(is_locked=False, tasks__status=TaskStatus.PENDING)
    return list(pending.distinct().values_list("pk"))
