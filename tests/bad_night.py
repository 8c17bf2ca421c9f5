"""An installation in which everything that the start page counts has happened."""

from datetime import timedelta
from typing import Any

from django.db.models import Model
from django.utils import timezone

from iacplatform.common.models import OutboxEntry
from notifications.models import NotificationLog
from runtasks.models import RunTaskResult
from tests import admin_pages
from tests.domain import a_running_task, a_task, a_user, a_workspace, claimed
from tests.factories import TaskFactory
from tests.interruptions import a_state, an_interrupted_task
from tests.runtasks.factories import ResultFactory
from tests.workspaces.admin.consequences import write_consequences
from tests.workspaces.drift.checks import one_row_of_each
from triggers.models import TaskTriggerExecution
from workspaces.cmdb.models import ExternalSource, WorkspaceSync
from workspaces.drift.models import DriftCheck, DriftStatus
from workspaces.models import TaskStage, WorkspaceTask
from workspaces.services.locks import lock_workspace
from workspaces.task_status import TaskType

LONG_AGO = timedelta(hours=2)


def everything_goes_wrong() -> None:
    """Two rows of what is easily doubled by a join, one or more of all the rest."""
    ago = timezone.now() - LONG_AGO
    user = a_user("grace")
    _queue_up(user)
    _lose_workers(ago)
    _fail()
    interrupted = an_interrupted_task(after=a_state(2, "a"))
    _owe_others(interrupted, user, ago)


def _queue_up(user: Any) -> None:
    for task_type in TaskType:
        behind = a_workspace(f"locked-{task_type}")
        a_task(behind, task_type)
        lock_workspace(behind, user=user, reason="maintenance")
    admin_pages.planned_task("planned")
    for name in ("gate-a", "gate-b"):
        waits = a_running_task(TaskType.PLAN_ONLY, name=name)
        TaskStage.objects.filter(task=waits).update(status="waiting")
        done = {"status": "done", "phase": "plan", "name": "fetching", "mode": "local"}
        TaskStage.objects.create(task=waits, position=99, **done)


def _lose_workers(ago: Any) -> None:
    unclaimed = a_running_task(name="unclaimed")
    TaskStage.objects.filter(task=unclaimed).update(created_at=ago)
    late = a_running_task(name="late")
    claimed(late)
    TaskStage.objects.filter(task=late).update(lease_until=ago)


def _fail() -> None:
    failing = a_workspace("failing")
    for _ in range(3):
        TaskFactory.create(workspace=failing, failed=True, completed_at=timezone.now())


def _owe_others(task: WorkspaceTask, user: Any, ago: Any) -> None:
    ResultFactory.create(task=task)
    one_row_of_each(task, user)
    write_consequences(task, user, "")
    for status in ("pending", "dead"):
        OutboxEntry.objects.create(
            kind="test", key=status, status=status, max_attempts=1, waits=[1.0], next_attempt_at=ago
        )
    _set(RunTaskResult, status="pending")
    _set(NotificationLog, status="failed", completed_at=timezone.now())
    _set(TaskTriggerExecution, due_at=ago)
    _set(DriftCheck, status="running", created_at=ago)
    _set(DriftStatus, has_drift=True, drifted_since=ago)
    _set(ExternalSource, last_sync_status="failed", last_sync_at=ago)
    _set(
        WorkspaceSync,
        status="syncing",
        token="8f5c1e2e-5c0f-4b8e-9a55-0d3f0a1b2c3d",
        lease_expires_at=ago,
    )


def _set(model: type[Model], **fields: Any) -> None:
    model._base_manager.update(**fields)
