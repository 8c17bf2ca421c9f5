"""The colour that a status of the core domain has."""

from django.utils.safestring import SafeString

from iacplatform.common.presentation import Tone, badge
from workspaces.models import ApplyStatus
from workspaces.task_status import StageStatus, TaskStatus

# Tasks, stages and resource changes call the same things the same: one table for all three.
TONES: dict[str, Tone] = {
    TaskStatus.RUNNING: "busy",
    TaskStatus.APPLY_PENDING: "attention",
    TaskStatus.PLANNED_AND_FINISHED: "good",
    TaskStatus.SUCCESS: "good",
    TaskStatus.APPLIED: "good",
    TaskStatus.FAILED: "bad",
    StageStatus.DONE: "good",
    StageStatus.LOST: "bad",
    ApplyStatus.APPLYING: "busy",
    ApplyStatus.COMPLETED: "good",
}


def status_badge(status: str, label: str) -> SafeString:
    """A status in its colour; what only waits for its turn is grey."""
    return badge(label, TONES.get(status, "idle"))
