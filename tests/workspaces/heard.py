"""A subscriber of task events that remembers what it was told."""

from workspaces.task_events import TaskEvent

HEARD: list[TaskEvent] = []


def hear(event: TaskEvent) -> None:
    """Remembers the event."""
    HEARD.append(event)


def refuse(event: TaskEvent) -> None:
    """Breaks, as a subscriber must not."""
    raise RuntimeError(event.name)
