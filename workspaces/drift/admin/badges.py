"""The colours of checks and of what they find."""

from django.utils.safestring import SafeString

from iacplatform.common.presentation import Tone, badge
from workspaces.drift.models import CheckStatus, DriftCheck, DriftStatus, Severity

STATUS_TONES: dict[str, Tone] = {
    CheckStatus.RUNNING: "busy",
    CheckStatus.SUCCESS: "good",
    CheckStatus.FAILED: "bad",
    CheckStatus.SKIPPED: "attention",
}
SEVERITY_TONES: dict[str, Tone] = {
    Severity.DESTROYED: "bad",
    Severity.REPLACED: "bad",
    Severity.CHANGED: "attention",
    Severity.TAGS_ONLY: "idle",
}


def check_badge(status: str) -> SafeString | str:
    """How a check stands; empty where there was none."""
    if not status:
        return ""
    return badge(CheckStatus(status).label, STATUS_TONES.get(status, "idle"))


def severity_badge(severity: str) -> SafeString | str:
    """How bad it is."""
    return badge(Severity(severity).label, SEVERITY_TONES[severity]) if severity else ""


def drift_badge(found: DriftCheck | DriftStatus) -> SafeString:
    """How many resources drifted, in the colour of the worst."""
    if not found.has_drift:
        return badge("No drift", "good")
    return badge(f"{found.drift_count} drifted", SEVERITY_TONES.get(found.severity, "attention"))
