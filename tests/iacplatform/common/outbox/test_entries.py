"""Entries come and go with the transactions that write them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries, Settings

from iacplatform.common.errors import Conflict
from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.common.outbox import draft, enqueue, enqueue_all, replay
from iacplatform.common.outbox.entries import prune
from tests.iacplatform.common.outbox.conftest import Put

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[4]


class Unwanted(Exception):
    """Rolls a transaction back."""


@contextmanager
def rolled_back() -> Iterator[None]:
    """Runs the block in a transaction, or a savepoint, that is rolled back."""
    with suppress(Unwanted), transaction.atomic():
        yield
        raise Unwanted


def test_an_entry_is_due_at_once(put: Put) -> None:
    entry = put("one", destination="shop", ordering="task-1", max_attempts=3, waits=[1, 2.5])

    entry.refresh_from_db()
    assert (entry.kind, entry.key, entry.status) == ("test.post", "one", OutboxStatus.PENDING)
    assert (entry.destination, entry.ordering) == ("shop", "task-1")
    assert (entry.attempts, entry.max_attempts, entry.waits) == (0, 3, [1.0, 2.5])
    assert OutboxEntry.objects.filter(next_attempt_at__lte=Now()).count() == 1


def test_a_rolled_back_transaction_leaves_neither_entry_nor_hint(
    put: Put, hints: Callable[[], int]
) -> None:
    with rolled_back():
        put()

    assert not OutboxEntry.objects.exists()
    assert hints() == 0


def test_one_hint_wakes_for_all_entries_of_a_transaction(
    put: Put, hints: Callable[[], int]
) -> None:
    with transaction.atomic():
        for number in range(5):
            put(str(number))
        assert hints() == 0

    assert hints() == 1
    put("another")
    assert hints() == 2


def test_the_hint_survives_the_rollback_of_a_part_that_wrote_an_entry(
    put: Put, hints: Callable[[], int]
) -> None:
    with transaction.atomic():
        with rolled_back():
            put("unwanted")
        put("wanted")

    assert [entry.key for entry in OutboxEntry.objects.all()] == ["wanted"]
    assert hints() == 1


def test_the_same_key_twice_is_one_entry(put: Put, hints: Callable[[], int]) -> None:
    first = put("one", payload={"number": 1})
    again = put("one", payload={"number": 2}, destination="elsewhere")

    assert again.pk == first.pk
    assert OutboxEntry.objects.get().payload["number"] == 1
    assert hints() == 1


def test_the_same_key_from_many_at_once_is_one_entry(put: Put) -> None:
    def attempt(_: int) -> int:
        try:
            return put("one").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(attempt, range(40)))) == 1


def test_many_are_written_by_one_statement(
    put: Put, hints: Callable[[], int], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    put("2", payload={"number": 0})
    with transaction.atomic(), django_assert_num_queries(3):  # a savepoint around it
        enqueue_all([draft("test.post", key=str(n), payload={"number": n}) for n in range(5)])

    entries = list(OutboxEntry.objects.order_by("pk"))
    assert [entry.key for entry in entries] == ["2", "0", "1", "3", "4"]
    assert [entry.payload["number"] for entry in entries[1:]] == [0, 1, 3, 4]
    assert entries[0].payload["number"] == 0
    assert hints() == 2


def test_a_kind_that_nobody_delivers_is_refused() -> None:
    with pytest.raises(KeyError, match=r"test\.unknown"):
        enqueue("test.unknown", key="one", payload={})


def test_waits_must_be_given() -> None:
    with pytest.raises(ValueError, match="waits"):
        enqueue("test.post", key="one", payload={}, waits=())


def test_the_payload_is_sealed_in_the_column(put: Put) -> None:
    put(payload={"token": "hunter2-do-not-show"})

    with connection.cursor() as cursor:
        cursor.execute("SELECT payload FROM common_outboxentry")
        assert b"hunter2" not in bytes(cursor.fetchone()[0])
    assert OutboxEntry.objects.get().payload["token"] == "hunter2-do-not-show"


def test_a_dead_entry_gets_all_its_attempts_again(put: Put, hints: Callable[[], int]) -> None:
    entry = put(max_attempts=3)
    later = Now() + timedelta(days=1)
    dead = {
        "status": "dead",
        "attempts": 3,
        "next_attempt_at": later,
        "last_error": "HTTP status 500",
    }
    OutboxEntry.objects.update(**dead)
    before = hints()

    replay(entry)

    entry.refresh_from_db()
    assert (entry.status, entry.attempts, entry.last_error) == ("pending", 0, "HTTP status 500")
    assert OutboxEntry.objects.filter(next_attempt_at__lte=Now()).exists()
    assert hints() == before + 1


@pytest.mark.parametrize("status", ["pending", "delivering", "delivered"])
def test_only_a_dead_entry_is_replayed(put: Put, status: str) -> None:
    entry = put()
    OutboxEntry.objects.update(status=status, attempts=2, token=uuid4())

    with pytest.raises(Conflict):
        replay(entry)
    assert OutboxEntry.objects.get().attempts == 2


def test_what_was_delivered_long_ago_is_forgotten_and_nothing_else(
    put: Put, settings: Settings
) -> None:
    settings.OUTBOX_KEEP_DAYS = 7
    delivered = {"status": OutboxStatus.DELIVERED, "payload": None}
    for key in ("old", "new", "dead", "pending"):
        put(key)
    OutboxEntry.objects.filter(key="old").update(
        **delivered, delivered_at=Now() - timedelta(days=8)
    )
    OutboxEntry.objects.filter(key="new").update(
        **delivered, delivered_at=Now() - timedelta(days=6)
    )
    OutboxEntry.objects.filter(key="dead").update(status=OutboxStatus.DEAD)
    OutboxEntry.objects.update(created_at=Now() - timedelta(days=60))

    assert prune() == 1
    assert set(OutboxEntry.objects.values_list("key", flat=True)) == {"new", "dead", "pending"}


def test_the_example_of_the_documentation_works(settings: Settings) -> None:
    page = (ROOT / "docs" / "explanation" / "outbox.md").read_text()
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)  # noqa: S102
    settings.OUTBOX_DELIVERERS = {"shop.shipped": {"deliver": "shop.orders.deliver"}}

    names["order_shipped"](7)

    entry = OutboxEntry.objects.get()
    assert (entry.key, entry.ordering, entry.payload) == ("shipped:7", "order:7", {"order_id": 7})
    assert callable(names["deliver"])
