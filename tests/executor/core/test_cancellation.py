"""The request to stop."""

import select
import threading
import time
from collections.abc import Iterator

import pytest

from executor.core.cancellation import CancelToken
from executor.core.exceptions import TaskCancelled


@pytest.fixture
def token() -> Iterator[CancelToken]:
    cancel = CancelToken()
    yield cancel
    cancel.close()


def readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def test_a_request_makes_the_descriptor_readable_for_good(token: CancelToken) -> None:
    assert not readable(token.fileno())
    token.request("no longer wanted")
    assert readable(token.fileno())
    assert readable(token.fileno())
    assert not readable(token.force_fileno())


def test_the_first_reason_stays_and_force_may_come_later(token: CancelToken) -> None:
    token.request("first")
    token.request("second", force=True)
    assert (token.reason, token.force) == ("first", True)
    assert readable(token.force_fileno())


def test_a_request_is_raised_with_its_reason(token: CancelToken) -> None:
    token.raise_if_requested()
    token.request("no longer wanted")
    with pytest.raises(TaskCancelled, match="no longer wanted"):
        token.raise_if_requested()


def test_a_wait_ends_as_soon_as_a_stop_is_requested(token: CancelToken) -> None:
    threading.Timer(0.1, token.request, ["stop"]).start()
    started = time.monotonic()
    with pytest.raises(TaskCancelled):
        token.wait(30)
    assert time.monotonic() - started < 5


def test_a_request_after_the_end_is_ignored() -> None:
    token = CancelToken()
    token.close()
    token.request("too late")
    token.close()
    assert not token.requested


def test_a_hand_over_stops_like_a_request(token: CancelToken) -> None:
    token.hand_over("worker-1 is stopping")
    assert token.requested
    assert token.handed_over
    assert readable(token.fileno())
    with pytest.raises(TaskCancelled, match="worker-1 is stopping"):
        token.raise_if_requested()


def test_a_user_turns_a_hand_over_into_a_cancellation(token: CancelToken) -> None:
    token.hand_over("worker-1 is stopping")
    token.request("no longer wanted", force=True)
    token.request("again")
    assert (token.reason, token.handed_over, token.force) == ("no longer wanted", False, True)
    assert readable(token.force_fileno())


def test_a_hand_over_changes_nothing_once_a_user_has_cancelled(token: CancelToken) -> None:
    token.request("no longer wanted")
    token.hand_over("worker-1 is stopping")
    assert (token.reason, token.handed_over) == ("no longer wanted", False)


def test_a_hand_over_after_the_end_is_ignored() -> None:
    token = CancelToken()
    token.close()
    token.hand_over("too late")
    assert not token.requested
