"""A Redis of a test's own that can be stopped like a machine that hangs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_django import Settings

from iacplatform.embedded.processes import wait_until_ready
from iacplatform.embedded.redis import redis as embedded_redis
from iacplatform.embedded.service import Service
from workspaces import cancel_signal


@contextmanager
def own_redis(directory: Path, settings: Settings) -> Iterator[Service]:
    """Starts a server and lets the cancel keys live there."""
    with (
        (directory / "lock").open("w") as lock,
        embedded_redis(directory, lock=lock.fileno()) as server,
    ):
        wait_until_ready(server.child, server.ready)
        settings.REDIS_URL = server.url
        cancel_signal._client.cache_clear()
        try:
            yield server
        finally:
            cancel_signal._client.cache_clear()


@contextmanager
def frozen(server: Service) -> Iterator[None]:
    """Takes connections and answers nothing while the block runs (SIGSTOP)."""
    os.kill(server.child.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.child.process.pid, signal.SIGCONT)
