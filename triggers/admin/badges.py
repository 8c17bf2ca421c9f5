"""The colour that an execution has."""

from django.utils.safestring import SafeString

from iacplatform.common.presentation import Tone, badge
from triggers.models import ExecutionStatus, TaskTriggerExecution

TONES: dict[str, Tone] = {
    ExecutionStatus.TRIGGERED: "good",
    ExecutionStatus.FAILED: "bad",
}


def execution_badge(execution: TaskTriggerExecution) -> SafeString:
    """The status of an execution in its colour; one that is due and waits stands out."""
    if execution.waits:
        return badge("Due, waits", "attention")
    if execution.temporarily_disabled and execution.status == ExecutionStatus.PENDING:
        return badge("Disabled for this task", "idle")
    return badge(execution.get_status_display(), TONES.get(execution.status, "idle"))
