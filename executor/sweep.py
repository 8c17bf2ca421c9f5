"""The sweep: what the normal path forgot, found again in the rows. Correct when it runs twice at once."""

from django.db import connection

from executor.dispatch import dispatch
from iacplatform.common.locks import try_exclusive
from workspaces.models import Workspace
from workspaces.services.cancellation import settle_cancellations
from workspaces.services.queue import start_next
from workspaces.task_status import TaskStatus

# After 2 s, and then after twice as long each time up to 32 s: where all workers are busy, a hint is late
# because it waits its turn, and repeating it every 2 s would only make the queue longer.
STALE_STAGES = """
SELECT stage.id FROM workspaces_taskstage AS stage
  JOIN workspaces_workspacetask AS task ON task.id = stage.task_id AND task.status = 'running'
 WHERE stage.status = 'ready' AND COALESCE(stage.dispatched_at, stage.created_at)
       < now() - interval '2 seconds' * power(2, GREATEST(0, LEAST(stage.dispatch_count - 1, 4)))
"""


def sweep() -> None:
    """Sends forgotten hints again, to the shared queue, and asks the queue of waiting workspaces."""
    with try_exclusive("executor.sweep") as mine:
        if not mine:
            return
        stale = _stale_stages()
        waiting = _waiting_workspaces()
    for stage_id in stale:
        dispatch(stage_id, shared=True)
    for workspace_id in waiting:
        start_next(workspace_id)
    settle_cancellations()


def _stale_stages() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(STALE_STAGES)
        return [stage_id for (stage_id,) in cursor.fetchall()]


def _waiting_workspaces() -> list[int]:
    return list(
        Workspace.objects.filter(is_locked=False, tasks__status=TaskStatus.PENDING)
        .distinct()
        .values_list("pk", flat=True)
    )
