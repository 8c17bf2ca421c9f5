"""Whether a workspace is to be checked by itself: rules of reference §5.11, without a database."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from workspaces.drift.models import CheckStatus, DriftSettings, DriftStatus
from workspaces.drift.services.schedule import (
    Hindrance,
    due_at,
    hindrance,
    jitter,
    window_opening,
)

DAY = timedelta(days=1)


def settings_with(**fields: Any) -> DriftSettings:
    """Settings of workspace 7, with the reference's defaults."""
    return DriftSettings(**({"workspace_id": 7} | fields))


def window(start: str, end: str, **fields: Any) -> DriftSettings:
    return settings_with(
        drift_check_start_time=time.fromisoformat(start),
        drift_check_end_time=time.fromisoformat(end),
        **fields,
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2030-{text}").replace(tzinfo=UTC)


def opening(settings: DriftSettings, now: str) -> str | None:
    found = window_opening(settings, at(now))
    return None if found is None else f"{found:%m-%dT%H:%M}"


# --- The window


@pytest.mark.parametrize(
    ("now", "opened"),
    [
        ("06-01T06:59", None),
        ("06-01T07:00", "06-01T07:00"),
        ("06-01T21:59", "06-01T07:00"),
        ("06-01T22:00", None),
    ],
)
def test_a_window_has_its_start_and_not_its_end(now: str, opened: str | None) -> None:
    assert opening(window("07:00", "22:00"), now) == opened


@pytest.mark.parametrize(
    ("now", "opened"),
    [
        ("06-01T21:59", None),
        ("06-01T22:00", "06-01T22:00"),
        ("06-02T00:00", "06-01T22:00"),
        ("06-02T05:59", "06-01T22:00"),
        ("06-02T06:00", None),
    ],
)
def test_a_window_may_pass_midnight(now: str, opened: str | None) -> None:
    assert opening(window("22:00", "06:00"), now) == opened


@pytest.mark.parametrize(
    ("now", "opened"), [("06-01T09:00", "06-01T08:00"), ("06-01T07:59", "05-31T08:00")]
)
def test_a_window_that_ends_when_it_starts_is_always_open(now: str, opened: str) -> None:
    assert opening(window("08:00", "08:00"), now) == opened


@pytest.mark.parametrize(
    ("now", "opened"),
    [
        ("03-30T06:00", "03-30T06:00"),  # the day before summer time begins: UTC+1
        ("03-30T05:59", None),
        ("03-31T05:00", "03-31T05:00"),  # UTC+2
        ("10-26T05:00", "10-26T05:00"),  # the day before it ends
        ("10-27T05:00", None),
        ("10-27T06:00", "10-27T06:00"),
    ],
)
def test_a_window_is_in_local_time_in_summer_and_in_winter(now: str, opened: str | None) -> None:
    """In Zurich summer time is from 31 March to 27 October 2030."""
    assert opening(window("07:00", "22:00", time_zone="Europe/Zurich"), now) == opened


def test_a_window_that_opens_in_the_hour_that_does_not_exist_opens_all_the_same() -> None:
    """02:30 is skipped on 31 March 2030: the clocks go from 02:00 to 03:00."""
    night = window("02:30", "05:00", time_zone="Europe/Zurich")

    assert opening(night, "03-31T00:59") is None
    assert opening(night, "03-31T01:05") == "03-31T01:30"
    assert opening(night, "03-31T02:00") == "03-31T01:30"


def test_the_platforms_time_zone_counts_where_a_workspace_has_none(settings: Any) -> None:
    settings.DRIFT_TIME_ZONE = "Asia/Tokyo"

    assert opening(window("07:00", "08:00"), "06-01T22:30") == "06-01T22:00"


# --- What keeps a workspace from being checked

NOON = at("06-01T12:00")
LONG_AGO = NOON - 3 * DAY
THIS_MORNING = at("06-01T08:00")


def found(settings: DriftSettings | None = None, **status: Any) -> Hindrance | None:
    """With a window from 07:00 to 22:00."""
    known = {"looked_at": LONG_AGO} | status
    return hindrance(settings or settings_with(), DriftStatus(**known), NOON)


def test_a_workspace_that_was_looked_at_long_ago_is_due() -> None:
    assert found(settings_with(drift_check_interval=60)) is None


def test_checks_can_be_switched_off() -> None:
    assert found(settings_with(drift_check_enabled=False)) == Hindrance.DISABLED


def test_nothing_is_checked_outside_of_the_window() -> None:
    assert found(window("13:00", "14:00")) == Hindrance.OUTSIDE_WINDOW


def test_nothing_is_checked_where_drift_is_known() -> None:
    assert found(has_drift=True) == Hindrance.HAS_DRIFT


@pytest.mark.parametrize(
    ("status", "field", "reason"),
    [
        (CheckStatus.FAILED, "continue_on_failure", Hindrance.FAILED_BEFORE),
        (CheckStatus.SUCCESS, "continue_on_success", Hindrance.SUCCEEDED_BEFORE),
    ],
)
def test_a_second_check_in_a_window_is_for_those_who_want_it(
    status: CheckStatus, field: str, reason: Hindrance
) -> None:
    known = {"check_status": status, "last_check_at": THIS_MORNING}
    hourly = settings_with(drift_check_interval=60)
    wanted = settings_with(drift_check_interval=60, **{field: True})

    assert found(hourly, **known) == reason
    assert found(wanted, **known) is None


def test_the_next_window_is_another_chance() -> None:
    failed_yesterday = {"check_status": CheckStatus.FAILED, "last_check_at": THIS_MORNING - DAY}

    assert found(settings_with(drift_check_interval=60), **failed_yesterday) is None


@pytest.mark.parametrize("field", ["looked_at", "last_check_at"])
def test_the_interval_counts_from_the_last_look(field: str) -> None:
    """Whoever looked: an apply of everything, or a check."""
    settings = settings_with(drift_check_interval=241)

    assert found(settings, **{field: at("06-01T08:01")}) == Hindrance.NOT_DUE
    assert found(settings, **{field: at("06-01T07:59")}) is None


def test_a_check_that_is_asked_for_every_half_minute_does_not_come_later_every_day() -> None:
    """After the first one all come when the first one came, or up to a minute before."""
    daily = settings_with()
    status, now = DriftStatus(looked_at=LONG_AGO), at("06-01T00:00")
    times: list[datetime] = []
    while len(times) < 30:
        now += timedelta(seconds=30)
        if hindrance(daily, status, now) is None:
            times.append(now)
            status = DriftStatus(looked_at=now, last_check_at=now, check_status="success")
    clocks = {f"{each:%H:%M}" for each in times}

    assert times[-1] - times[0] == 29 * DAY
    assert len(clocks) == 1


# --- Jitter


def test_a_thousand_workspaces_do_not_start_in_one_minute() -> None:
    opened = at("06-01T07:00")
    starts = Counter(
        due_at(settings_with(workspace_id=number), DriftStatus(looked_at=LONG_AGO), opened).replace(
            second=0
        )
        for number in range(1000)
    )

    assert max(starts.values()) < 15
    assert max(starts) < at("06-01T14:31")  # there is time left for those that have to wait


def test_a_workspace_has_its_turn_at_the_same_time_every_day() -> None:
    assert jitter(settings_with()) == jitter(settings_with()) > timedelta(0)


def test_a_short_interval_is_not_stretched() -> None:
    often = (settings_with(workspace_id=number, drift_check_interval=10) for number in range(100))

    assert max(map(jitter, often)) < timedelta(minutes=10)
