"""What the start page says of tasks and workspaces (``START_PAGE_SECTIONS``)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone

from iacplatform.common.figures import Figure, Section
from iacplatform.common.presentation import Tone
from workspaces.admin.task_filters import REASONS, since_transition
from workspaces.admin.workspace_filters import FAILING_TASKS, failing, needs_person
from workspaces.models import Workspace, WorkspaceTask
from workspaces.task_status import TaskStatus, TaskType

# Why a task needs attention → its colour. What waits for approval is counted with what waits.
ATTENTION: dict[str, Tone] = {
    "interrupted": "bad",
    "lock": "bad",
    "lease": "bad",
    "worker": "attention",
    "queue": "attention",
}


def waiting() -> Section:
    """What runs, and what waits for its turn or for a person."""
    return Section("Queue", [*_pending(), _approval(), _gates(), _running()])


def trouble() -> Section:
    """What does not go on until a person does something."""
    return Section("Needs a person", [*_locks(), *map(_attention, ATTENTION)])


def failures() -> Section:
    """What failed lately."""
    return Section("Failures", [_failed("hour", 1), _failed("24 hours", 24), _failing()])


def _pending() -> Iterator[Figure]:
    for task_type in TaskType:
        lookups = {"status__exact": TaskStatus.PENDING.value, "task_type__exact": task_type.value}
        rows = WorkspaceTask.objects.filter(status=TaskStatus.PENDING, task_type=task_type)
        yield Figure(f"pending: {task_type.label.lower()}", rows, lookups, "created_at")


def _approval() -> Figure:
    rows = since_transition(WorkspaceTask.objects.filter(status=TaskStatus.APPLY_PENDING))
    lookups = {"status__exact": TaskStatus.APPLY_PENDING.value}
    return Figure("waiting for approval", rows, lookups, "moved_at", "attention")


def _gates() -> Figure:
    rows = WorkspaceTask.objects.filter(stages__status="waiting")
    return Figure("waiting at a gate", rows, {"open_stage": "waiting"}, "stages__created_at")


def _running() -> Figure:
    rows = WorkspaceTask.objects.filter(status=TaskStatus.RUNNING)
    lookups = {"status__exact": TaskStatus.RUNNING.value}
    return Figure("running", rows, lookups, "started_at", "busy", first="longest")


def _locks() -> Iterator[Figure]:
    locked = Workspace.objects.filter(is_locked=True)
    kept = needs_person(Workspace.objects.all())
    yield Figure(
        "locked until somebody has looked", kept, {"needs_person": "yes"}, "locked_at", "bad"
    )
    yield Figure(
        "locked, for any reason", locked, {"is_locked__exact": 1}, "locked_at", "attention"
    )


def _attention(reason: str) -> Figure:
    label, condition = REASONS[reason]
    rows = WorkspaceTask.objects.filter(condition)
    label = f"{label[0].lower()}{label[1:]}"
    return Figure(label, rows, {"attention": reason}, "created_at", ATTENTION[reason])


def _failed(within: str, hours: int) -> Figure:
    since = timezone.now() - timedelta(hours=hours)
    rows = WorkspaceTask.objects.filter(status=TaskStatus.FAILED, completed_at__gte=since)
    lookups: dict[str, Any] = {
        "status__exact": TaskStatus.FAILED.value,
        "completed_at__gte": since.isoformat(),
    }
    return Figure(f"failed in the last {within}", rows, lookups, "completed_at", "bad")


def _failing() -> Figure:
    rows = failing(Workspace.objects.all())
    label = f"workspaces whose last {FAILING_TASKS} tasks failed"
    return Figure(label, rows, {"failing": "yes"}, "failed_at", "bad")
