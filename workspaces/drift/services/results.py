"""What becomes of a check, told by the events of its task; each in the transaction of the event."""

from typing import Any

from django.db.models import Value
from django.db.models.functions import Coalesce, Now

from workspaces.drift.models import CheckStatus, DriftCheck, DriftIgnoreRule, DriftStatus
from workspaces.drift.services.looking import (
    drifted_in,
    has_seen_everything,
    newest_state,
    was_overtaken,
)
from workspaces.drift.services.report import Report, build_report, owners_of
from workspaces.models import TaskSnapshot, WorkspaceTask
from workspaces.services.resources import mark_applied
from workspaces.task_events import EventName, TaskEvent, announce

ACTOR = "drift"
OVERTAKEN = "The workspace was changed while it was checked, so the result says nothing"
NOT_KEPT = "What the plan says about drift was not kept; check again"


def begin(event: TaskEvent) -> None:
    """A check was asked for."""
    task = event.task
    check = DriftCheck.objects.create(
        workspace_id=task.workspace_id, task=task, is_scheduled=task.is_background
    )
    now = {"last_check": check, "check_status": CheckStatus.PENDING, "message": ""}
    DriftStatus.objects.update_or_create(
        workspace_id=task.workspace_id, defaults={**now, "last_check_at": Now()}
    )


def run(event: TaskEvent) -> None:
    """Its task has started: from the newest state, which nothing changes from now on, or it says nothing."""
    state = newest_state(event.task.workspace_id)
    version = state.version if state else None
    _move(event.task, CheckStatus.RUNNING, started_at=Now(), state_version=version)


def fail(event: TaskEvent) -> None:
    """Its task has failed."""
    _end(event.task, CheckStatus.FAILED, event.task.error_message or event.reason)


def cancel(event: TaskEvent) -> None:
    """Its task was cancelled."""
    _end(event.task, CheckStatus.CANCELLED, event.reason)


def finish(event: TaskEvent) -> None:
    """Its plan is there: what drifted is told, and announced where it is new."""
    check = DriftCheck.objects.filter(task=event.task).select_related("task").first()
    if check is None:
        return
    if was_overtaken(check):
        _end(event.task, CheckStatus.SKIPPED, OVERTAKEN)
    elif drifted_in(event.task) is None:
        _end(event.task, CheckStatus.FAILED, NOT_KEPT)
    else:
        _end(event.task, CheckStatus.SUCCESS)
        row = DriftStatus.objects.filter(workspace_id=check.workspace_id)
        row.update(result=check, looked_at=Now())
        judge(check)


def judge_again(workspace_id: int) -> None:
    """Applies the ignore rules of now to what is known; what is drift only now is announced."""
    known = DriftStatus.objects.filter(workspace_id=workspace_id).values("result")
    check = DriftCheck.objects.filter(pk__in=known).select_related("task").first()
    if check is not None:
        judge(check)


def judge(check: DriftCheck) -> None:
    """Writes what a check has found, less what is ignored, and announces what nobody was told of yet.

    Belongs into a transaction. Of drift that is there already only more or other drift is announced.
    Does nothing if the check is no longer what the workspace's drift is known from.
    """
    rows = DriftStatus.objects.select_for_update(of=("self",), no_key=True)
    status = rows.filter(result=check).first()
    if status is None:
        return
    report, total = _report(check.task)
    found = {
        "has_drift": bool(report.drift_count),
        "drift_count": report.drift_count,
        "total_resources": total,
        "severity": report.severity,
    }
    DriftCheck.objects.filter(pk=check.pk).update(
        **found,
        severities=report.severities,
        ignored_count=report.ignored_count,
        resources=report.resources or None,
    )
    since = Coalesce("drifted_since", Now()) if report.drift_count else Value(None)
    DriftStatus.objects.filter(pk=status.pk).update(
        **found, drifted_since=since, judged_at=Now(), announced=report.fingerprints
    )
    if set(report.fingerprints) - set(status.announced):
        _announce(check, report)


def clear(event: TaskEvent) -> None:
    """Everything was applied, or planned and nothing is to be done: there is no drift any more."""
    task, planned = event.task, event.name == EventName.TASK_PLANNED
    if planned and (task.has_changes is not False or drifted_in(task)):
        return
    if not has_seen_everything(task):
        return
    if planned:
        mark_applied(task)
    DriftStatus.objects.filter(workspace_id=task.workspace_id).update(
        has_drift=False,
        drift_count=0,
        severity="",
        drifted_since=None,
        result=None,
        announced=[],
        looked_at=Now(),
    )


def _report(task: WorkspaceTask) -> tuple[Report, int]:
    """What the plan of a check says, and how many resources the configuration has."""
    drifted = drifted_in(task) or []
    rules = DriftIgnoreRule.objects.in_force().filter(workspace_id=task.workspace_id)
    snapshot = TaskSnapshot.objects.get(task=task)
    owners = owners_of(snapshot) if drifted else {}
    report = build_report(drifted, owners, list(rules) if drifted else [])
    return report, len(snapshot.resource_versions or {}) or _in_state(task.workspace_id)


def _in_state(workspace_id: int) -> int:
    """Of a configuration without resources of the platform's, those in the state."""
    state = newest_state(workspace_id)
    return state.resource_count if state else 0


def _announce(check: DriftCheck, report: Report) -> None:
    worst = report.severity
    noun = "resource has" if report.drift_count == 1 else "resources have"
    announce(
        TaskEvent(
            EventName.DRIFT_DETECTED,
            check.task,
            # The same finding of the same check is one event, however often the rules change.
            f"drift:{check.pk}:{report.fingerprint}",
            ACTOR,
            f"{report.drift_count} {noun} drifted; the worst is {worst.replace('_', ' ')}",
            {
                "drift_count": report.drift_count,
                "severity": worst,
                "severities": report.severities,
                "check_id": check.check_id,
            },
        )
    )


def _end(task: WorkspaceTask, status: CheckStatus, message: str = "") -> None:
    _move(task, status, message=message, completed_at=Now())


def _move(task: WorkspaceTask, status: CheckStatus, message: str = "", **more: Any) -> None:
    DriftCheck.objects.filter(task=task).update(status=status, message=message, **more)
    DriftStatus.objects.filter(last_check__task=task).update(check_status=status, message=message)
