"""Deliveries by a real worker process and beat, which lose PostgreSQL or Redis meanwhile."""

import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import transaction
from structlog.contextvars import bound_contextvars

from iacplatform.common.models import OutboxEntry
from tests.iacplatform.common.outbox.conftest import Put
from tests.iacplatform.common.outbox.receiver import Receiver
from tests.iacplatform.common.outbox.workers import Workers, left, running_workers, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
OUTAGE_SECONDS = 2.5


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Workers]:
    """One worker and beat, for all tests of this file."""
    with running_workers(tmp_path_factory.mktemp("workers")) as workers:
        workers.start()
        workers.start_beat()
        yield workers


def test_an_entry_leaves_as_soon_as_its_transaction_commits(
    put: Put, receiver: Receiver, workers: Workers
) -> None:
    put()
    wait_for(lambda: left() == 0)

    assert receiver.keys == ["one"]


def test_one_transaction_sets_all_slots_to_work(
    put: Put, receiver: Receiver, workers: Workers
) -> None:
    receiver.seconds = 3.0
    with transaction.atomic():
        for number in range(16):
            put(str(number))
    wait_for(lambda: left() == 0)

    assert receiver.most_at_once[""] == 8


def test_a_failed_attempt_is_repeated_when_its_wait_is_over(
    put: Put, receiver: Receiver, workers: Workers
) -> None:
    receiver.replies = [(503, {}), (503, {})]

    put(waits=[0.5])
    wait_for(lambda: left() == 0)

    assert [arrival.attempt for arrival in receiver.arrivals] == [1, 2, 3]


def test_a_workers_log_names_the_request_that_caused_the_work(put: Put, workers: Workers) -> None:
    with bound_contextvars(request_id="ticket-4711"):
        put(kind="test.broken", payload={"secret": "hunter2"}, max_attempts=1)
    log = workers.children[0].log
    wait_for(lambda: "outbox_entry_died" in log.read_text())

    told = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    died = [line["request_id"] for line in told if line["event"] == "outbox_entry_died"]
    assert died == ["ticket-4711"]


def test_an_entry_that_has_no_hint_is_found(receiver: Receiver, workers: Workers) -> None:
    OutboxEntry.objects.create(
        kind="test.post", key="one", payload={"url": receiver.url}, max_attempts=1, waits=[1.0]
    )
    wait_for(lambda: left() == 0)

    assert receiver.keys == ["one"]


def test_deliveries_outlive_an_outage_of_postgresql_and_are_not_repeated(
    put: Put, receiver: Receiver, workers: Workers
) -> None:
    receiver.seconds = 1.0
    for number in range(12):
        put(str(number))
    wait_for(lambda: len(receiver.arrivals) >= 6)

    workers.postgres.shut()
    time.sleep(OUTAGE_SECONDS)
    workers.postgres.open()
    wait_for(lambda: left() == 0)

    assert Counter(receiver.keys) == Counter(str(number) for number in range(12))


def test_deliveries_outlive_an_outage_of_redis(
    put: Put, receiver: Receiver, workers: Workers
) -> None:
    receiver.seconds = 0.3
    for number in range(30):
        put(str(number))
    wait_for(lambda: len(receiver.arrivals) >= 6)

    workers.redis.shut()
    time.sleep(OUTAGE_SECONDS)
    workers.redis.open()
    wait_for(lambda: left() == 0)

    assert Counter(receiver.keys) == Counter(str(number) for number in range(30))
