"""What this app does when something happens to a task."""

from collections.abc import Callable

from workspaces.drift.services import results
from workspaces.task_events import EventName, TaskEvent
from workspaces.task_status import TaskType

Verb = Callable[[TaskEvent], None]

_OF_CHECK: dict[EventName, Verb] = {
    EventName.TASK_CREATED: results.begin,
    EventName.TASK_PLANNING: results.run,
    EventName.TASK_PLANNED: results.finish,
    EventName.TASK_FAILED: results.fail,
    EventName.TASK_CANCELLED: results.cancel,
}
_OF_OTHERS: dict[EventName, Verb] = {
    EventName.TASK_PLANNED: results.clear,
    EventName.TASK_COMPLETED: results.clear,
}


def follow(event: TaskEvent) -> None:
    """Told of every event in the transaction that causes it."""
    verbs = _OF_CHECK if event.task.task_type == TaskType.DRIFT_CHECK else _OF_OTHERS
    verb = verbs.get(event.name)
    if verb is not None:
        verb(event)
