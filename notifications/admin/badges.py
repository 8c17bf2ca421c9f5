"""The colour that a message has."""

from django.utils.safestring import SafeString

from iacplatform.common.presentation import Tone, badge
from notifications.models import LogStatus, NotificationLog

TONES: dict[str, Tone] = {
    LogStatus.PENDING: "idle",
    LogStatus.SENDING: "busy",
    LogStatus.SUCCESS: "good",
    LogStatus.FAILED: "bad",
}


def log_badge(log: NotificationLog) -> SafeString:
    """The status of a message in its colour."""
    return badge(log.get_status_display(), TONES[log.status])
