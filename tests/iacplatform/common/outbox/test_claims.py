"""Claims against a real PostgreSQL: what may be delivered now, by one deliverer at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.db.models.functions import Now
from pytest_django import Settings

from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbox.claims import claim_next
from tests.iacplatform.common.outbox.conftest import Put

pytestmark = pytest.mark.django_db(transaction=True)


def change(key: str, **values: Any) -> None:
    assert OutboxEntry.objects.filter(key=key).update(**values) == 1


def claimed() -> str | None:
    """The key of the entry that is claimed next."""
    claim = claim_next()
    return OutboxEntry.objects.get(pk=claim.entry_id).key if claim else None


def test_a_claim_takes_a_token_a_lease_and_an_attempt(put: Put, settings: Settings) -> None:
    settings.OUTBOX_LEASE_SECONDS = 60.0
    entry = put()

    claim = claim_next()

    entry.refresh_from_db()
    assert claim is not None
    assert (claim.entry_id, claim.token, claim.attempt) == (entry.pk, entry.token, 1)
    assert (entry.status, entry.attempts) == ("delivering", 1)
    lease = Now() + timedelta(seconds=50)
    assert OutboxEntry.objects.filter(next_attempt_at__gt=lease).exists()


def test_what_has_been_due_for_longest_comes_first(put: Put) -> None:
    for key in ("a", "b", "c"):
        put(key)
    change("c", next_attempt_at=Now() - timedelta(hours=1))

    assert [claimed(), claimed(), claimed(), claimed()] == ["c", "a", "b", None]


def test_what_is_not_due_is_not_claimed(put: Put) -> None:
    put("later")
    change("later", next_attempt_at=Now() + timedelta(seconds=5))

    assert claimed() is None


@pytest.mark.parametrize("status", ["delivered", "dead"])
def test_what_has_ended_is_not_claimed(put: Put, status: str) -> None:
    put("ended")
    change("ended", status=status)

    assert claimed() is None


def test_what_a_dead_worker_left_is_claimed_when_its_lease_has_ended(put: Put) -> None:
    put("left")
    assert claimed() == "left"
    assert claimed() is None

    change("left", next_attempt_at=Now() - timedelta(seconds=1))

    assert claimed() == "left"
    assert OutboxEntry.objects.get().attempts == 2


def test_a_kind_that_this_code_does_not_know_is_left_to_code_that_does(put: Put) -> None:
    put("newer")
    change("newer", kind="from.the.future")

    assert claimed() is None


def test_of_forty_claims_at_once_each_gets_another_entry(put: Put) -> None:
    for number in range(30):
        put(str(number))

    def attempt(_: int) -> str | None:
        try:
            return claimed()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(attempt, range(40)))

    assert sorted(filter(None, keys)) == sorted(map(str, range(30)))


# --- Order


def test_an_entry_waits_for_those_before_it_in_its_order(put: Put) -> None:
    for key in ("a1", "a2", "b1", "a3"):
        put(key, ordering=key[0])

    assert [claimed(), claimed(), claimed()] == ["a1", "b1", None]
    change("a1", status="delivered")
    assert [claimed(), claimed()] == ["a2", None]


def test_an_entry_waits_while_the_one_before_it_is_to_be_tried_again(put: Put) -> None:
    put("a1", ordering="a")
    put("a2", ordering="a")
    change("a1", next_attempt_at=Now() + timedelta(hours=1))

    assert claimed() is None


def test_a_dead_entry_holds_nobody_up(put: Put) -> None:
    put("a1", ordering="a")
    put("a2", ordering="a")
    change("a1", status="dead")

    assert claimed() == "a2"


# --- Concurrency


def test_a_destination_is_called_so_many_times_at_once_and_no_more(
    put: Put, settings: Settings
) -> None:
    settings.OUTBOX_DESTINATION_CONCURRENCY = 2
    for key in ("a1", "a2", "a3", "b1"):
        put(key, destination=key[0])
    put("free")

    assert [claimed() for _ in range(5)] == ["a1", "a2", "b1", "free", None]
    change("a2", status="delivered")
    assert [claimed(), claimed()] == ["a3", None]


def test_a_dead_worker_takes_no_place_of_a_destination(put: Put, settings: Settings) -> None:
    settings.OUTBOX_DESTINATION_CONCURRENCY = 1
    put("a1", destination="a")
    assert claimed() == "a1"
    put("a2", destination="a")
    assert claimed() is None

    change("a1", next_attempt_at=Now() - timedelta(seconds=1))

    assert [claimed(), claimed()] == ["a1", None]


def test_what_has_no_destination_is_not_bounded(put: Put, settings: Settings) -> None:
    settings.OUTBOX_DESTINATION_CONCURRENCY = 1
    for key in "abc":
        put(key)

    assert [claimed(), claimed(), claimed()] == ["a", "b", "c"]


def test_many_claims_at_once_keep_the_bound(put: Put, settings: Settings) -> None:
    """M3: however many deliverers there are, a destination has a bounded number of calls."""
    settings.OUTBOX_DESTINATION_CONCURRENCY = 4
    for number in range(60):
        put(str(number), destination="abc"[number % 3])

    def attempt(_: int) -> bool:
        try:
            return claim_next() is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(60))) == 12
    for destination in "abc":
        busy = OutboxEntry.objects.filter(destination=destination, status="delivering")
        assert busy.count() == 4


# --- The schema


def test_a_delivering_entry_without_a_claim_is_refused_by_the_schema(put: Put) -> None:
    put("one")

    with pytest.raises(IntegrityError, match="a_delivering_entry_is_claimed"):
        change("one", status="delivering")


def test_an_unknown_status_is_refused_by_the_schema(put: Put) -> None:
    put("one")

    with pytest.raises(IntegrityError, match="outbox_status_known"):
        change("one", status="lost", token=uuid4())
