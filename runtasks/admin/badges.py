"""The colour that a result has."""

from django.utils.safestring import SafeString

from iacplatform.common.presentation import Tone, badge
from runtasks.models import ResultStatus, RunTaskResult

TONES: dict[str, Tone] = {
    ResultStatus.RUNNING: "busy",
    ResultStatus.PASSED: "good",
    ResultStatus.FAILED: "bad",
    ResultStatus.ERROR: "bad",
    ResultStatus.TIMEOUT: "bad",
    ResultStatus.OVERRIDDEN: "attention",
}


def result_badge(result: RunTaskResult) -> SafeString:
    """The status of a result in its colour."""
    return badge(result.get_status_display(), TONES.get(result.status, "idle"))
