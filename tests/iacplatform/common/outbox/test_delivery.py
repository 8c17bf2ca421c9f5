"""What becomes of an attempt, with a real receiver, PostgreSQL and Redis."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbox import GiveUp, delivery, replay
from iacplatform.common.outbox.claims import claim_next
from iacplatform.common.outbox.delivery import deliver_due
from tests.iacplatform.common.outbox import deliverers
from tests.iacplatform.common.outbox.conftest import Put
from tests.iacplatform.common.outbox.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
REFUSE: tuple[int, dict[str, str]] = (503, {})


def entry(key: str = "one") -> OutboxEntry:
    return OutboxEntry.objects.get(key=key)


def waits_between(seconds: float, more: float) -> bool:
    """Whether the entry is due no sooner and no later than so many seconds from now."""
    window = (Now() + timedelta(seconds=seconds), Now() + timedelta(seconds=more))
    return OutboxEntry.objects.filter(key="one", next_attempt_at__range=window).exists()


def make_due(key: str = "one") -> None:
    """Lets the entry's wait, or its lease, be over."""
    OutboxEntry.objects.filter(key=key).update(next_attempt_at=Now() - timedelta(seconds=1))


def test_a_delivered_entry_keeps_its_history_and_loses_its_payload(
    put: Put, receiver: Receiver
) -> None:
    put(payload={"token": "secret"}, destination="shop")

    deliver_due()

    (arrival,) = receiver.arrivals
    assert (arrival.key, arrival.attempt, arrival.payload["token"]) == ("one", 1, "secret")
    assert (entry().status, entry().attempts, entry().payload) == ("delivered", 1, None)
    assert entry().delivered_at is not None


def test_one_call_delivers_all_that_is_due(
    put: Put, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "TURN_SECONDS", 60.0)
    for number in range(20):
        put(str(number))

    deliver_due()

    assert receiver.keys == [str(number) for number in range(20)]


def test_the_waits_of_the_row_are_kept_and_the_last_one_repeats(
    put: Put, receiver: Receiver
) -> None:
    receiver.replies = [REFUSE] * 3
    put(waits=[100, 1000])

    for wait in (100, 1000, 1000):
        deliver_due()
        assert (entry().status, entry().last_error) == ("pending", "HTTP status 503")
        assert waits_between(wait - 30, wait)
        make_due()
    deliver_due()

    assert (entry().status, entry().attempts, entry().last_error) == ("delivered", 4, "")
    assert receiver.keys == ["one"] * 4
    assert [arrival.attempt for arrival in receiver.arrivals] == [1, 2, 3, 4]


def test_a_deliverer_can_say_how_long_to_wait(put: Put, receiver: Receiver) -> None:
    receiver.replies = [(429, {"Retry-After": "500"})]
    put(waits=[1])

    deliver_due()

    assert waits_between(470, 500)


def test_nobody_makes_us_wait_longer_than_a_day(put: Put, receiver: Receiver) -> None:
    receiver.replies = [(429, {"Retry-After": "9" * 400})]
    put()

    deliver_due()

    assert waits_between(23 * 3600, 24 * 3600)


def test_a_receiver_that_is_away_is_tried_again(put: Put) -> None:
    put(payload={"url": "http://127.0.0.1:1/"})

    deliver_due()

    assert entry().status == "pending"
    assert entry().last_error == "127.0.0.1:1 cannot be connected: Connection refused"


def test_an_address_that_may_not_be_called_is_never_tried_again(put: Put) -> None:
    put(payload={"url": "http://169.254.169.254/"})

    deliver_due()

    assert entry().status == "dead"
    assert entry().last_error == "169.254.169.254 is an address that may not be called"


def test_a_deliverer_can_give_up_at_once(put: Put, receiver: Receiver) -> None:
    receiver.replies = [(410, {})]
    put()

    deliver_due()

    assert (entry().status, entry().attempts) == ("dead", 1)
    assert entry().last_error == "The receiver is gone"


def test_an_entry_dies_after_its_last_attempt_and_somebody_is_told(
    put: Put, receiver: Receiver
) -> None:
    receiver.replies = [REFUSE] * 2
    put(max_attempts=2)

    deliver_due()
    make_due()
    deliver_due()

    assert (entry().status, entry().attempts) == ("dead", 2)
    death = receiver.arrivals[-1]
    assert (death.key, death.payload["reason"]) == ("one:dead", "HTTP status 503")


def test_a_dead_entry_is_delivered_when_it_is_replayed(put: Put, receiver: Receiver) -> None:
    receiver.replies = [(410, {})]
    put(payload={"number": 7})
    deliver_due()

    replay(entry())
    deliver_due()

    assert entry().status == "delivered"
    assert [arrival.key for arrival in receiver.arrivals if arrival.payload["number"] == 7] == [
        "one",
        "one:dead",
        "one",
    ]


def test_a_deliverer_with_a_bug_is_tried_again_and_its_words_stay_in_the_log(
    put: Put, caplog: pytest.LogCaptureFixture
) -> None:
    put(kind="test.broken", payload={"secret": "hunter2"})

    deliver_due()

    assert (entry().status, entry().last_error) == ("pending", "The deliverer broke: TypeError")
    assert "outbox_deliverer_broke" in caplog.text


def test_an_entry_is_not_dead_before_those_who_are_told_know_it(put: Put) -> None:
    put(kind="test.broken", payload={"secret": "hunter2"}, max_attempts=1)

    with pytest.raises(TypeError, match="one: The deliverer broke"):
        deliver_due()
    assert entry().status == "delivering"

    make_due()
    with pytest.raises(TypeError, match="one: The worker died"):
        deliver_due()
    assert entry().status == "delivering"


def test_an_entry_that_kills_its_workers_dies_without_another_attempt(
    put: Put, receiver: Receiver
) -> None:
    put(max_attempts=2)
    for _ in range(2):
        assert claim_next() is not None
        make_due()

    deliver_due()

    assert entry().status == "dead"
    assert entry().last_error == delivery.WORKERS_DIED
    assert receiver.keys == ["one:dead"]


def test_what_a_slow_attempt_finds_out_too_late_changes_nothing(
    put: Put, receiver: Receiver
) -> None:
    put(waits=[100])
    slow = claim_next()
    assert slow is not None
    make_due()
    receiver.replies = [REFUSE]
    deliver_due()

    delivery._delivered(slow)

    assert (entry().status, entry().attempts) == ("pending", 2)
    assert waits_between(70, 100)


def test_nothing_of_the_database_is_held_during_an_attempt(put: Put) -> None:
    deliverers.seen.clear()
    put(kind="test.looking")

    deliver_due()

    assert deliverers.seen == [(False, False)]


def test_a_reason_that_postgresql_cannot_store_is_stored_as_far_as_it_can_be(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    def complain(_: Any) -> None:
        raise GiveUp("\0" + "x" * 5000)

    monkeypatch.setattr(deliverers, "look_around", complain)
    put(kind="test.looking")

    deliver_due()

    assert entry().last_error == "\N{REPLACEMENT CHARACTER}" + "x" * 1999


# --- Turns and hints


def test_whoever_finds_something_wakes_another(put: Put, hints: Callable[[], int]) -> None:
    put()
    before = hints()

    deliver_due()
    assert hints() == before + 1

    deliver_due()
    assert hints() == before + 1


def test_a_turn_ends_and_says_that_there_is_more(
    put: Put, receiver: Receiver, hints: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "TURN_SECONDS", 0.0)
    put("a")
    put("b")
    before = hints()

    deliver_due()

    assert receiver.keys == ["a"]
    assert hints() == before + 2


def test_several_deliverers_share_the_work_and_keep_the_order(
    put: Put, receiver: Receiver, settings: Settings
) -> None:
    settings.OUTBOX_DESTINATION_CONCURRENCY = 2
    receiver.seconds = 0.02
    for number in range(60):
        put(f"{number % 5}-{number:02}", ordering=str(number % 5), destination=str(number % 2))

    def work(_: int) -> None:
        try:
            while OutboxEntry.objects.exclude(status="delivered").exists():
                deliver_due()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    for lane in "01234":
        keys = [key for key in receiver.keys if key.startswith(lane)]
        assert keys == sorted(keys)
        assert len(keys) == 12
    assert max(receiver.most_at_once.values()) <= 2
