"""What others are told of a task, in the transaction that makes it so (reference §0, §6.2).

``TASK_EVENT_SUBSCRIBERS`` names the functions that are told. What they write is committed with the
change itself or not at all, so no event is lost and none is told of what never happened. They write
rows and outbox entries and wait for nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import TextChoices
from django.utils.module_loading import import_string

from workspaces.models import WorkspaceTask
from workspaces.task_status import TaskStatus


class EventName(TextChoices):
    """The ten events, by the names that payloads and filters use."""

    TASK_CREATED = "task_created", "Task created"
    TASK_PLANNING = "task_planning", "Planning started"
    TASK_PLANNED = "task_planned", "Plan finished"
    APPROVAL_REQUIRED = "approval_required", "Approval required"
    TASK_APPLYING = "task_applying", "Applying started"
    TASK_COMPLETED = "task_completed", "Applied"
    TASK_FAILED = "task_failed", "Task failed"
    TASK_CANCELLED = "task_cancelled", "Task cancelled"
    APPROVAL_TIMEOUT = "approval_timeout", "Approval timed out"
    DRIFT_DETECTED = "drift_detected", "Drift detected"


@dataclass(frozen=True)
class TaskEvent:
    """One event of a task; ``key`` is unique for ever and serves as the idempotency key's root.

    ``actor`` is a user name or the part of the platform that did it, ``reason`` what they said.
    ``details`` are told to receivers as they are: what JSON can hold, nothing secret, few and small.
    """

    name: EventName
    task: WorkspaceTask
    key: str
    actor: str
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


Subscriber = Callable[[TaskEvent], None]

_OF_MOVE: dict[tuple[str, str], EventName] = {
    ("", TaskStatus.PENDING): EventName.TASK_CREATED,
    (TaskStatus.PENDING, TaskStatus.RUNNING): EventName.TASK_PLANNING,
    (TaskStatus.APPLY_PENDING, TaskStatus.RUNNING): EventName.TASK_APPLYING,
}
_OF_STATUS: dict[str, EventName] = {
    TaskStatus.SUCCESS: EventName.TASK_PLANNED,
    TaskStatus.PLANNED_AND_FINISHED: EventName.TASK_PLANNED,
    TaskStatus.APPLY_PENDING: EventName.APPROVAL_REQUIRED,
    TaskStatus.APPLIED: EventName.TASK_COMPLETED,
    TaskStatus.FAILED: EventName.TASK_FAILED,
    TaskStatus.CANCELLED: EventName.TASK_CANCELLED,
}


def event_of_move(task: WorkspaceTask, from_status: str, to_status: str) -> EventName | None:
    """The event that a change of status is, if it is one.

    Nobody has to approve a plan that is applied automatically: it is only planned.
    """
    if to_status == TaskStatus.APPLY_PENDING and task.auto_apply:
        return EventName.TASK_PLANNED
    return _OF_MOVE.get((from_status, to_status)) or _OF_STATUS.get(to_status)


def announce(event: TaskEvent) -> None:
    """Tells every configured subscriber; belongs into the transaction that causes the event."""
    for subscriber in _load(tuple(settings.TASK_EVENT_SUBSCRIBERS)):
        subscriber(event)


@lru_cache(maxsize=8)
def _load(paths: tuple[str, ...]) -> tuple[Subscriber, ...]:
    return tuple(import_string(path) for path in paths)
