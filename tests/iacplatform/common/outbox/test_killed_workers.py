"""Deliveries by worker processes that are killed meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.db import transaction

from tests.iacplatform.common.outbox.conftest import Put
from tests.iacplatform.common.outbox.receiver import Receiver
from tests.iacplatform.common.outbox.workers import Workers, left, running_workers, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workers(tmp_path: Path, broker: redis.Redis) -> Iterator[Workers]:
    """Starts nothing yet."""
    with running_workers(tmp_path) as workers:
        yield workers


def test_what_a_killed_worker_was_delivering_is_delivered_by_another(
    put: Put, receiver: Receiver, workers: Workers
) -> None:
    """H2: the process is killed between the commit and the answer; nothing is lost."""
    receiver.seconds = 3.0
    doomed = workers.start()
    put()
    wait_for(lambda: receiver.keys == ["one"])
    doomed.process.kill()
    doomed.process.wait()

    receiver.seconds = 0.0
    workers.start()
    workers.start_beat()
    wait_for(lambda: left() == 0)

    assert receiver.keys == ["one", "one"]
    assert [arrival.attempt for arrival in receiver.arrivals] == [1, 2]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_entries_are_drained_although_one_of_two_workers_is_killed(
    put: Put, receiver: Receiver, workers: Workers
) -> None:
    """H5, M3: each arrives, in order, and no destination is called more often at once than it may be."""
    count, lanes, destinations = 10_000, 200, 10
    with transaction.atomic():
        for number in range(count):
            lane = number % lanes
            put(
                f"{number:05}",
                payload={"lane": lane},
                ordering=f"lane-{lane}",
                destination=f"shop-{lane % destinations}",
            )
    doomed = workers.start(slots=8)
    workers.start(slots=8)
    workers.start_beat()
    wait_for(lambda: len(receiver.arrivals) >= count // 3, seconds=400)
    doomed.process.kill()
    wait_for(lambda: left() == 0, seconds=400)

    assert set(receiver.keys) == {f"{number:05}" for number in range(count)}
    assert len(receiver.keys) <= count + 8
    for lane in range(lanes):
        keys = [arrival.key for arrival in receiver.arrivals if arrival.payload["lane"] == lane]
        assert keys == sorted(keys)
    assert len(receiver.most_at_once) == destinations
    assert max(receiver.most_at_once.values()) <= 4
