"""What this app does when something happens to a task."""

from notifications.services.dispatch import dispatch
from workspaces.task_events import TaskEvent


def follow(event: TaskEvent) -> None:
    """Told of every event in the transaction that causes it."""
    dispatch(event)
