"""An outbox that delivers to a receiver on this machine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as configured
from pytest_django import Settings

from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbox import enqueue
from iacplatform.common.outbox.hint import QUEUE
from tests.iacplatform.common.outbox.receiver import Receiver, running_receiver
from tests.iacplatform.common.outbox.worker_settings import OUTBOX_DELIVERERS

Put = Callable[..., OutboxEntry]


@pytest.fixture(autouse=True)
def _deliverers(settings: Settings) -> None:
    settings.OUTBOX_DELIVERERS = OUTBOX_DELIVERERS
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes deliveries."""
    with running_receiver() as running:
        yield running


@pytest.fixture
def put(receiver: Receiver) -> Put:
    """Enqueues an entry for the receiver under a key, with these further arguments."""

    def put_one(key: str = "one", kind: str = "test.post", **arguments: Any) -> OutboxEntry:
        payload = {"url": receiver.url} | arguments.pop("payload", {})
        return enqueue(kind, key=key, payload=payload, **arguments)

    return put_one


@pytest.fixture
def broker() -> redis.Redis:
    """The broker, with no hint waiting in it."""
    client = redis.Redis.from_url(configured.REDIS_URL)
    client.delete(QUEUE)
    return client


@pytest.fixture
def hints(broker: redis.Redis) -> Callable[[], int]:
    """Counts the hints that wait."""
    return lambda: int(broker.llen(QUEUE))
