"""Worker processes, and beat, that deliver from the tests' database."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import connection

from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.embedded.processes import Child, spawn, stop, wait_until_ready
from iacplatform.embedded.stack import MANAGE, PROJECT, is_ready
from tests.iacplatform.common.outbox.door import Door, door_to

LEASE_SECONDS = 5
BEAT = [sys.executable, "-m", "celery", "-A", "iacplatform.celery", "beat"]


@dataclass
class Workers:
    """Starts processes that reach PostgreSQL and Redis through doors; beat has a way of its own."""

    directory: Path
    postgres: Door
    redis: Door
    children: list[Child] = field(default_factory=list)

    def start(self, *, slots: int = 8) -> Child:
        """Starts a worker of the queue ``delivery`` and waits until it takes work."""
        name = f"delivery-{len(self.children)}"
        command = [*MANAGE, "worker", "delivery", "--slots", str(slots)]
        child = self._spawn(
            name, command, REDIS_URL=f"redis://127.0.0.1:{self.redis.port}/0", WORKER_HOST=name
        )
        wait_until_ready(child, lambda: is_ready(child.log))
        return child

    def start_beat(self) -> None:
        """Starts what sends a hint every two seconds."""
        self._spawn("beat", [*BEAT, "--schedule", str(self.directory / "schedule")])

    def _spawn(self, name: str, command: list[str], **own: str) -> Child:
        log = self.directory / f"{name}.log"
        environment = {**os.environ, **self._environment(), **own}
        child = spawn(name, command, log=log, environment=environment)
        self.children.append(child)
        return child

    def _environment(self) -> dict[str, str]:
        database = connection.settings_dict
        url = (
            f"postgresql://{database['USER']}:{database['PASSWORD']}@127.0.0.1:{self.postgres.port}"
        )
        return {
            "DJANGO_SETTINGS_MODULE": "tests.iacplatform.common.outbox.worker_settings",
            "PYTHONPATH": str(PROJECT),
            "DATABASE_URL": f"{url}/{database['NAME']}",
            "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.1",
            "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS),
        }


@contextmanager
def running_workers(directory: Path) -> Iterator[Workers]:
    """Stops, at the end, what was started."""
    with ExitStack() as stack:
        postgres = stack.enter_context(door_to(*_postgres()))
        broker = stack.enter_context(door_to(*_redis()))
        workers = Workers(directory, postgres, broker)
        try:
            yield workers
        finally:
            for child in workers.children:
                stop(child)


def _postgres() -> tuple[str, int]:
    """Where PostgreSQL listens: a Unix socket, or host and port."""
    host, port = connection.settings_dict["HOST"], int(connection.settings_dict["PORT"] or 5432)
    return (f"{host}/.s.PGSQL.{port}", 0) if host.startswith("/") else (host, port)


def _redis() -> tuple[str, int]:
    url = urlsplit(settings.REDIS_URL)
    if url.scheme == "unix":
        return url.path, 0
    options = redis.Redis.from_url(settings.REDIS_URL).connection_pool.connection_kwargs
    return options["host"], options["port"]


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits until ``condition()`` holds; fails the test otherwise."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.05)


def left() -> int:
    """How many entries are not delivered."""
    return OutboxEntry.objects.exclude(status=OutboxStatus.DELIVERED).count()
