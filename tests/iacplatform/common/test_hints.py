"""Hints are sent fast, or not at all."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import redis
from django.conf import settings as django_settings
from kombu.exceptions import KombuError
from pytest_django import Settings
from redis import RedisError

from iacplatform.common.hints import send_hint
from tests.absent_broker import no_broker
from tests.frozen_redis import frozen, own_redis

QUEUE = "hints.of.a.test"
NOT_SENT = (KombuError, RedisError, OSError)


def try_to_send(number: int = 0) -> bool:
    try:
        send_hint("some.task", number, queue=QUEUE)
    except NOT_SENT:
        return False
    return True


def test_a_hint_is_in_its_queue() -> None:
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    client.delete(QUEUE)

    send_hint("some.task", 7, queue=QUEUE, expires=60)

    assert client.llen(QUEUE) == 1
    client.delete(QUEUE)


def test_a_broker_that_hangs_costs_one_second_and_then_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    """Durable-celery §3, #5."""
    with own_redis(tmp_path, settings) as server:
        send_hint("some.task", queue=QUEUE)
        with frozen(server), ThreadPoolExecutor(20) as pool:
            started = time.monotonic()
            assert not any(pool.map(try_to_send, range(20)))
            first = time.monotonic() - started
            assert not any(try_to_send() for _ in range(100))
            rest = time.monotonic() - started - first

    assert first < 1.8
    assert rest < 0.5


def test_a_broker_that_is_back_gets_hints_again(tmp_path: Path, settings: Settings) -> None:
    with own_redis(tmp_path, settings) as server:
        with frozen(server):
            assert not try_to_send()
        back_at = time.monotonic()
        while not try_to_send():
            assert time.monotonic() < back_at + 10
            time.sleep(0.1)


def test_a_broker_that_refuses_connections_costs_nothing() -> None:
    with no_broker():
        started = time.monotonic()
        assert not any(try_to_send() for _ in range(100))

    assert time.monotonic() - started < 1
