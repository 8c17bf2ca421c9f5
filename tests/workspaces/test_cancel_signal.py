"""The cancel key of a task that runs, in a real Redis."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from django.conf import settings
from pytest_django import Settings

from tests.frozen_redis import frozen, own_redis
from workspaces import cancel_signal

TASK = 7_000_001


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL, decode_responses=True) as connected:
        connected.delete(cancel_signal.key(TASK))
        yield connected
        connected.delete(cancel_signal.key(TASK))


def held(client: redis.Redis) -> object:
    return client.get(f"iacplatform:task:cancel:{TASK}")


def test_a_free_key_is_claimed_for_a_minute(client: redis.Redis) -> None:
    assert cancel_signal.claim(TASK, "host-a", 5) == ""

    assert held(client) == "running:host-a:5"
    assert 55 < client.ttl(cancel_signal.key(TASK)) <= 60


def test_a_claim_is_prolonged_by_claiming_again(client: redis.Redis) -> None:
    cancel_signal.claim(TASK, "host-a", 5)
    client.expire(cancel_signal.key(TASK), 3)

    assert cancel_signal.claim(TASK, "host-a", 5) == ""

    assert client.ttl(cancel_signal.key(TASK)) > 55


def test_the_claim_of_a_dead_worker_is_taken_over_by_a_later_attempt(client: redis.Redis) -> None:
    cancel_signal.claim(TASK, "host-a", 9)

    assert cancel_signal.claim(TASK, "host-b", 10) == ""

    assert held(client) == "running:host-b:10"


def test_an_earlier_attempt_does_not_get_the_key_of_a_later_one(client: redis.Redis) -> None:
    """K21: the claim stays with the attempt that the rows say holds the stage."""
    cancel_signal.claim(TASK, "host-b", 10)

    assert cancel_signal.claim(TASK, "host-a", 9) == "running:host-b:10"

    assert held(client) == "running:host-b:10"


def test_a_cancellation_replaces_the_claim_for_a_day(client: redis.Redis) -> None:
    cancel_signal.claim(TASK, "host-a", 5)

    cancel_signal.announce(TASK, "  wrong branch ")

    assert held(client) == "cancelled:wrong branch"
    assert 86000 < client.ttl(cancel_signal.key(TASK)) <= 86400


def test_a_cancellation_without_a_reason_says_that_it_is_one(client: redis.Redis) -> None:
    cancel_signal.announce(TASK, " ")

    assert held(client) == "cancelled:cancelled"


def test_a_cancellation_is_given_back_and_not_overwritten(client: redis.Redis) -> None:
    """K10: also one that came before the stage was begun."""
    cancel_signal.announce(TASK, "running: late")

    assert cancel_signal.claim(TASK, "host-a", 5) == "cancelled:running: late"
    assert held(client) == "cancelled:running: late"


def test_a_forced_cancellation_changes_the_key_again(client: redis.Redis) -> None:
    cancel_signal.announce(TASK, "stop")
    cancel_signal.announce(TASK, "stop", force=True)

    assert held(client) == "cancelled:stop (forced)"


def test_only_what_was_written_or_obeyed_is_deleted(client: redis.Redis) -> None:
    cancel_signal.announce(TASK, "stop")

    cancel_signal.release(TASK, "running:host-a:5")
    assert held(client) == "cancelled:stop"
    cancel_signal.release(TASK, "cancelled:stop")
    assert held(client) is None


def test_many_keys_are_read_at_once(client: redis.Redis) -> None:
    cancel_signal.claim(TASK, "host-a", 5)

    assert cancel_signal.values([TASK, TASK + 1]) == ["running:host-a:5", None]


def test_no_cancellation_is_lost_to_a_claim_at_the_same_moment(client: redis.Redis) -> None:
    """K3: claiming, prolonging and cancelling race; GET followed by SET lost 691 of 1500."""
    cancel_signal.claim(TASK, "host-a", 1)
    lost = 0

    def claim_on() -> None:
        for _ in range(40):
            cancel_signal.claim(TASK, "host-a", 1)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(50):
            claiming = pool.submit(claim_on)
            pool.submit(cancel_signal.announce, TASK, "stop").result()
            claiming.result()
            lost += held(client) != "cancelled:stop"
            client.delete(cancel_signal.key(TASK))
    assert lost == 0


def test_a_redis_that_does_not_answer_holds_nobody_up(tmp_path: Path, settings: Settings) -> None:
    with own_redis(tmp_path, settings) as server:
        cancel_signal.claim(TASK, "host-a", 5)
        with frozen(server):
            for _ in range(2):  # over the connection that is there, and over a new one
                began = time.monotonic()
                with pytest.raises(redis.RedisError):
                    cancel_signal.announce(TASK, "stop")
                assert time.monotonic() - began < 1.5
