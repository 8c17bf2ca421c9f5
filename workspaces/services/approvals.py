"""Plans that nobody approved in time (reference §8, M7)."""

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Value
from django.db.models.functions import Now

from workspaces.models import WorkspaceTask
from workspaces.services.cancellation import end_as_cancelled, request_cancellation
from workspaces.task_events import EventName, TaskEvent, announce
from workspaces.task_status import TaskStatus
from workspaces.transitions import SYSTEM

PATIENCE = ExpressionWrapper(
    F("workspace__approval_timeout_seconds") * Value(timedelta(seconds=1)),
    output_field=DurationField(),
)

logger = structlog.get_logger(__name__)


def expire_approvals() -> list[int]:
    """Cancels the tasks that waited for approval longer than their workspace allows; returns their ids.

    Part of the sweep. Against a confirmation or another sweep at the same moment one of them wins.
    """
    # A task comes to wait for approval in the transaction that gives it the lock.
    overdue = WorkspaceTask.objects.filter(
        status=TaskStatus.APPLY_PENDING,
        workspace__lock_task=F("pk"),
        workspace__locked_at__lt=Now() - PATIENCE,
    ).select_related("workspace")
    return [task.pk for task in overdue if _try_to_expire(task)]


def _try_to_expire(task: WorkspaceTask) -> bool:
    try:
        return _expire(task)
    except Exception:  # whatever it is, the other tasks do not wait for it
        logger.exception("approval_not_expired", task_id=task.pk)
        return False


def _expire(task: WorkspaceTask) -> bool:
    seconds = task.workspace.approval_timeout_seconds
    reason = f"Approval timed out: nobody confirmed the plan within {seconds} seconds"
    waiting = WorkspaceTask.objects.filter(pk=task.pk, status=TaskStatus.APPLY_PENDING)
    with transaction.atomic():
        if not waiting.select_for_update(of=("self",), no_key=True, skip_locked=True):
            return False  # somebody confirms or cancels it, or has done so
        request_cancellation(task, by=SYSTEM, reason=reason)
        end_as_cancelled(task)
        key = f"approval_timeout:{task.pk}"
        announce(TaskEvent(EventName.APPROVAL_TIMEOUT, task, key, SYSTEM, reason))
    return True
