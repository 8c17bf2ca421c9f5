"""What this app does when something happens to a task."""

from collections.abc import Callable

from triggers.services.executions import mark_due, prepare, skip_all, wake
from workspaces.models import WorkspaceTask
from workspaces.task_events import EventName, TaskEvent
from workspaces.task_status import TaskStatus, TaskType


def follow(event: TaskEvent) -> None:
    """Told of every event in the transaction that causes it; only changes trigger anything."""
    react = REACTIONS.get(event.name)
    if react is not None and event.task.task_type == TaskType.PLAN_AND_APPLY:
        react(event.task)


def _applied(task: WorkspaceTask) -> None:
    mark_due(task)
    wake(task)


def _planned(task: WorkspaceTask) -> None:
    # A plan that is applied by itself is planned, too, but not at its end.
    if task.status == TaskStatus.PLANNED_AND_FINISHED:
        skip_all(task, f"Task #{task.pk} has planned no changes")


def _failed(task: WorkspaceTask) -> None:
    skip_all(task, f"Task #{task.pk} has failed")
    wake(task)


def _cancelled(task: WorkspaceTask) -> None:
    skip_all(task, f"Task #{task.pk} was cancelled")
    wake(task)


REACTIONS: dict[EventName, Callable[[WorkspaceTask], object]] = {
    EventName.TASK_CREATED: prepare,
    EventName.TASK_PLANNED: _planned,
    EventName.TASK_COMPLETED: _applied,
    EventName.TASK_FAILED: _failed,
    EventName.TASK_CANCELLED: _cancelled,
}
