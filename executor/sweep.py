"""The sweep: what the normal path forgot, found again in the rows. Correct when it runs twice at once."""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from executor.dispatch import dispatch
from iacplatform.common.locks import try_exclusive
from workspaces.models import TaskStage, Workspace
from workspaces.services.queue import start_next
from workspaces.task_status import StageStatus, TaskStatus

STALE_HINT = timedelta(seconds=2)


def sweep() -> None:
    """Sends forgotten hints again, to the shared queue, and asks the queue of waiting workspaces."""
    with try_exclusive("executor.sweep") as mine:
        if not mine:
            return
        stale = list(_stale_stages())
        waiting = list(_waiting_workspaces())
    for stage_id in stale:
        dispatch(stage_id, shared=True)
    for workspace_id in waiting:
        start_next(workspace_id)


def _stale_stages() -> list[int]:
    forgotten = Q(dispatched_at__isnull=True, created_at__lt=Now() - STALE_HINT)
    stale = Q(dispatched_at__lt=Now() - STALE_HINT)
    return list(
        TaskStage.objects.filter(forgotten | stale, status=StageStatus.READY).values_list(
            "pk", flat=True
        )
    )


def _waiting_workspaces() -> list[int]:
    return list(
        Workspace.objects.filter(is_locked=False, tasks__status=TaskStatus.PENDING)
        .distinct()
        .values_list("pk", flat=True)
    )
