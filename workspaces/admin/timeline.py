"""What the page of a task shows besides its fields: a fixed number of queries, however large the plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Value, When
from django.utils import timezone
from django.utils.safestring import SafeString

from iacplatform.common.presentation import duration_text, moment
from workspaces.admin.badges import status_badge
from workspaces.admin.interruption import interruption_panel
from workspaces.models import ApplyStatus, ResourceChange, TaskSnapshot, TaskStage, WorkspaceTask
from workspaces.services.applied_states import is_unsaved
from workspaces.task_status import StageStatus, TaskStatus

MAX_CHANGES = 200
# What went wrong and what goes on first.
CHANGE_ORDER = [
    ApplyStatus.FAILED,
    ApplyStatus.APPLYING,
    ApplyStatus.PENDING,
    ApplyStatus.COMPLETED,
]


@dataclass(frozen=True)
class StageRow:
    """A line of the timeline."""

    stage: TaskStage
    outcome: SafeString
    duration: str
    remark: str


def task_page(task: WorkspaceTask) -> dict[str, Any]:
    """The context of a task's page."""
    now = timezone.now()
    changes = task.resource_changes
    counts = dict(changes.order_by().values_list("apply_status").annotate(Count("pk")))
    return {
        "status": status_badge(task.status, task.get_status_display()),
        "plan": plan_text(task),
        "is_live": task.status == TaskStatus.RUNNING,
        "interruption": interruption_panel(task),
        "is_unsaved": is_unsaved(task),
        "duration": _span(task.started_at, task.completed_at, now),
        "stages": [_stage_row(stage, now) for stage in task.stages.all()],
        "transitions": task.transitions.all(),
        "comments": task.comments.all(),
        "snapshot": _snapshot(task),
        "states": task.state_versions.without_content(),
        "change_counts": _change_counts(counts),
        "change_total": sum(counts.values()),
        "changes": [_change_row(change, now) for change in _changes_to_show(task)],
        "log_url": f"/api/v1/tasks/{task.pk}/logs?type=all&format=text",
    }


def plan_text(task: WorkspaceTask) -> str:
    """The counts of a saved plan; empty before there is one."""
    if task.has_changes is None:
        return ""
    if not task.has_changes:
        return "no changes"
    counts = (task.changes_add, task.changes_change, task.changes_destroy)
    if not any(counts):
        return "outputs only"
    return "+{} ~{} -{}".format(*counts)


def _snapshot(task: WorkspaceTask) -> Mapping[str, Any] | None:
    return (
        TaskSnapshot.objects.filter(task=task)
        .values(
            "configuration_source",
            engine=F("engine_version__engine"),
            engine_number=F("engine_version__version"),
            archive=F("configuration_version__configuration_id"),
        )
        .first()
    )


def _stage_row(stage: TaskStage, now: datetime) -> StageRow:
    outcome = "Skipped" if stage.skipped else stage.get_status_display()
    return StageRow(
        stage=stage,
        outcome=status_badge(stage.status, outcome),
        duration=_span(stage.started_at, stage.finished_at, now),
        remark=_remark(stage, now),
    )


def _remark(stage: TaskStage, now: datetime) -> str:
    """The stage's message, and behind it what it waits for."""
    waits = ""
    if stage.status == StageStatus.READY:
        waits = _waits_for(stage, now)
    lease = stage.lease_until
    if stage.status == StageStatus.RUNNING and lease is not None and lease < now:
        waits = f"The worker has not renewed its claim: it ran out {duration_text(now - lease)} ago"
    return "\n".join(filter(None, [stage.message, waits]))


def _waits_for(stage: TaskStage, now: datetime) -> str:
    if stage.not_before is not None and stage.not_before > now:
        return f"Waits until {moment(stage.not_before)}"
    if stage.reserved_until is not None and stage.reserved_until > now:
        return f"Waits for {stage.prefer_host} until {moment(stage.reserved_until)}, then for any worker"
    return f"Waits for a worker since {duration_text(now - stage.created_at)}"


def _span(start: datetime | None, end: datetime | None, now: datetime) -> str:
    if start is None:
        return ""
    return duration_text(end - start) if end else f"{duration_text(now - start)} so far"


def _changes_to_show(task: WorkspaceTask) -> list[ResourceChange]:
    places = [When(apply_status=status, then=Value(n)) for n, status in enumerate(CHANGE_ORDER)]
    order = Case(*places, output_field=IntegerField())
    rows = task.resource_changes.defer("changes_before", "changes_after")
    return list(rows.order_by(order, "pk")[:MAX_CHANGES])


def _change_row(change: ResourceChange, now: datetime) -> dict[str, Any]:
    return {
        "change": change,
        "status": status_badge(change.apply_status, change.get_apply_status_display()),
        "duration": _span(change.apply_started_at, change.apply_completed_at, now),
    }


def _change_counts(counts: dict[str, int]) -> list[tuple[SafeString, int]]:
    return [
        (status_badge(status, status.label), counts[status])
        for status in CHANGE_ORDER
        if status in counts
    ]
