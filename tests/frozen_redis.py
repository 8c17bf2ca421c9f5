"""A Redis of a test's own that can be stopped like a machine that hangs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_django import Settings

from iacplatform.common.redis_client import redis_client, redis_outage
from iacplatform.common.redis_url import broker_url
from iacplatform.embedded.processes import wait_until_ready
from iacplatform.embedded.redis import redis as embedded_redis
from iacplatform.embedded.service import Service
from tests.absent_broker import broker_at
from workspaces import cancel_signal


@contextmanager
def own_redis(directory: Path, settings: Settings) -> Iterator[Service]:
    """Starts a server and uses it for everything but the live logs of viewers."""
    with (
        (directory / "lock").open("w") as lock,
        embedded_redis(directory, lock=lock.fileno()) as server,
    ):
        wait_until_ready(server.child, server.ready)
        settings.REDIS_URL = server.url
        _connect_anew()
        try:
            with broker_at(broker_url(server.url)):
                yield server
        finally:
            _connect_anew()


def _connect_anew() -> None:
    redis_client.cache_clear()
    cancel_signal._client.cache_clear()
    redis_outage.end()


@contextmanager
def frozen(server: Service) -> Iterator[None]:
    """Takes connections and answers nothing while the block runs (SIGSTOP)."""
    os.kill(server.child.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.child.process.pid, signal.SIGCONT)
