"""What this app does when something happens to a task."""

from workspaces.cmdb.services.sync_requests import follow_state
from workspaces.task_events import EventName, TaskEvent
from workspaces.task_status import TaskType

ENDS = frozenset({EventName.TASK_COMPLETED, EventName.TASK_FAILED})


def follow(event: TaskEvent) -> None:
    """Asks for a sync when an apply has ended, however it did (reference §3.4, F44).

    Told of every event in the transaction that causes it. What the apply has left is a state version by
    then; one that has left none asks for nothing new.
    """
    task = event.task
    if event.name in ENDS and task.task_type == TaskType.PLAN_AND_APPLY:
        follow_state(task.workspace_id)
