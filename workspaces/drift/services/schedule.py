"""Whether a workspace is to be checked by itself now (reference §5.11): rules without side effects."""

import zlib
from datetime import UTC, datetime, time, timedelta

from django.db.models import TextChoices

from workspaces.drift.models import CheckStatus, DriftSettings, DriftStatus

DAY = timedelta(days=1)
# Asked only every half minute, a check would come a little later every day.
TOLERANCE = timedelta(minutes=1)


class Hindrance(TextChoices):
    """Why a workspace is not checked by itself now."""

    DISABLED = "disabled", "Scheduled checks are switched off"
    OUTSIDE_WINDOW = "outside_window", "It is outside of the window"
    HAS_DRIFT = "has_drift", "Drift was found, and nothing has changed that"
    FAILED_BEFORE = "failed_before", "A check has failed in this window"
    SUCCEEDED_BEFORE = "succeeded_before", "A check has succeeded in this window"
    NOT_DUE = "not_due", "The interval is not over"


def hindrance(settings: DriftSettings, status: DriftStatus, now: datetime) -> Hindrance | None:
    """The first reason not to check the workspace now; ``None`` if it is due."""
    opened = window_opening(settings, now)
    if not settings.drift_check_enabled:
        return Hindrance.DISABLED
    if opened is None:
        return Hindrance.OUTSIDE_WINDOW
    if status.has_drift:
        return Hindrance.HAS_DRIFT
    checked = status.last_check_at is not None and status.last_check_at >= opened
    if checked and status.check_status == CheckStatus.FAILED and not settings.continue_on_failure:
        return Hindrance.FAILED_BEFORE
    if checked and status.check_status == CheckStatus.SUCCESS and not settings.continue_on_success:
        return Hindrance.SUCCEEDED_BEFORE
    return Hindrance.NOT_DUE if now + TOLERANCE < due_at(settings, status, opened) else None


def window_opening(settings: DriftSettings, now: datetime) -> datetime | None:
    """When the window opened that ``now`` lies in; ``None`` outside. The end is no part of it."""
    start, end = settings.drift_check_start_time, settings.drift_check_end_time
    local = now.astimezone(settings.zone)
    clock = local.time()
    since_start, before_end = clock >= start, clock < end
    if start < end and not (since_start and before_end):
        return None
    if start > end and not (since_start or before_end):
        return None
    day = local.date() if since_start else local.date() - DAY
    return datetime.combine(day, start, tzinfo=settings.zone).astimezone(UTC)


def due_at(settings: DriftSettings, status: DriftStatus, opened: datetime) -> datetime:
    """When the next check is due: after the interval, and not all in the minute the window opens."""
    begins = opened + jitter(settings)
    looked = max(filter(None, (status.looked_at, status.last_check_at)), default=None)
    if looked is None:
        return begins
    return max(begins, looked + timedelta(minutes=settings.drift_check_interval))


def jitter(settings: DriftSettings) -> timedelta:
    """How long after the opening a workspace has its turn: always the same, up to half of the window."""
    longest = min(timedelta(minutes=settings.drift_check_interval), _length(settings) / 2)
    number = zlib.crc32(str(settings.workspace_id).encode())
    return timedelta(seconds=number % max(1, int(longest.total_seconds())))


def _length(settings: DriftSettings) -> timedelta:
    start, end = settings.drift_check_start_time, settings.drift_check_end_time
    length = _since_midnight(end) - _since_midnight(start)
    return length if length > timedelta(0) else length + DAY


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
