"""Worker processes whose Redis dies, drops its connections, refuses or lies: they stay, and go on."""

import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery
from django.conf import settings
from django.db import connection, transaction
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.pidbox import Mailbox

from executor.dispatch import shared_queue
from executor.hint_consumer import RETRY_SECONDS
from iacplatform.common.redis_url import broker_url
from iacplatform.embedded.processes import Child, spawn, stop, wait_until_ready
from iacplatform.embedded.redis import redis as embedded_redis
from iacplatform.embedded.service import Service
from iacplatform.embedded.stack import MANAGE, is_ready

DROPS_SECONDS = 5.0
WORKED_OFF_SECONDS = 10.0
LATER_SECONDS = 1.5
"""Longer than a worker waits for a message before it asks for one again."""
NO_STAGE = 0


@dataclass
class Workers:
    """Worker processes on the tests' database, and the Redis that they have for themselves."""

    directory: Path
    server: Service
    children: dict[str, Child] = field(default_factory=dict)

    def start(self, **kinds: Sequence[str]) -> None:
        """Starts a worker for each host name, with these words of the command; waits for all."""
        for host, words in kinds.items():
            self.children[host] = spawn(
                host,
                [*MANAGE, "worker", *words],
                log=self.directory / f"{host}.log",
                environment=self._environment(host),
            )
        for child in self.children.values():
            wait_until_ready(child, lambda log=child.log: is_ready(log), 60.0)  # type: ignore[misc]

    def _environment(self, host: str) -> dict[str, str]:
        url = urlsplit(os.environ["DATABASE_URL"])
        own = {
            "DJANGO_SETTINGS_MODULE": "iacplatform.settings.base",
            "DATABASE_URL": url._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
            "REDIS_URL": self.server.url,
            "WORKER_HOST": host,
        }
        return {**os.environ, **own}

    def dead(self) -> list[str]:
        """The hosts whose process has ended."""
        return [host for host, child in self.children.items() if child.process.poll() is not None]

    def send(self, *queues: str) -> None:
        """Sends to each queue a hint that nobody can claim."""
        with self._celery() as celery:
            send_hints(celery, queues)

    def _celery(self) -> Celery:
        celery = Celery(broker=broker_url(self.server.url), set_as_current=False)
        celery.conf.task_publish_retry = False
        return celery

    def waiting(self, queue: str) -> int:
        """How many hints no worker has taken."""
        with redis.Redis.from_url(self.server.url) as client:
            return int(client.llen(queue))

    def command(self, *words: str) -> None:
        """Runs a command of Redis."""
        with redis.Redis.from_url(self.server.url) as client:
            client.execute_command(*words)

    def drop(self) -> None:
        """Redis closes the connections on which workers wait for hints and for orders."""
        for kind in ("normal", "pubsub"):
            self.command("CLIENT", "KILL", "TYPE", kind)

    def kill_redis(self) -> None:
        """Redis is killed, and back a moment later."""
        self.server.child.process.send_signal(signal.SIGKILL)
        self.server.child.process.wait()
        time.sleep(0.2)
        self.server.start()
        wait_until_ready(self.server.child, self.server.ready)

    def work_off(self, *queues: str) -> None:
        """Sends hints and waits until they are taken."""
        self.send(*queues * 5)
        until(lambda: not any(map(self.waiting, queues)), f"hints are taken from {queues}")

    @contextmanager
    def hints(self, *queues: str) -> Iterator[None]:
        """Hints come all the time while the block runs; what is left is deleted."""
        over = threading.Event()

        def flow() -> None:
            with self._celery() as celery:
                while not over.wait(0.005):
                    with suppress(OperationalError):
                        send_hints(celery, queues)

        thread = threading.Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        self.command("DEL", *queues)


@pytest.fixture
def workers(transactional_db: None, tmp_path: Path) -> Iterator[Workers]:
    """No worker yet; those that were started are stopped at the end."""
    with own_redis(tmp_path) as server:
        workers = Workers(tmp_path, server)
        yield workers
        for child in workers.children.values():
            stop(child)


@contextmanager
def own_redis(directory: Path) -> Iterator[Service]:
    with (
        (directory / "lock").open("w") as lock,
        embedded_redis(directory, lock=lock.fileno()) as server,
    ):
        wait_until_ready(server.child, server.ready)
        yield server


def send_hints(celery: Celery, queues: Iterable[str]) -> None:
    for queue in queues:
        celery.send_task("executor.tasks.run_stage", (NO_STAGE,), queue=queue)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WORKED_OFF_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {WORKED_OFF_SECONDS:g} s"
        time.sleep(0.05)


def test_a_connection_can_be_given_up_with_a_hint_in_hand_when_redis_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker does that listens for hints and for orders, and has not acknowledged one yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # kombu dumps what it cannot send back
    taken: list[Any] = []
    queue = shared_queue("local")
    with own_redis(tmp_path) as server:
        connected = Connection(
            broker_url(server.url), transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS
        )
        connected.Producer().publish({}, routing_key=queue.name, declare=[queue])
        connected.Consumer([queue], on_message=taken.append).consume()
        Mailbox("orders", type="fanout").Node("a", channel=connected.channel()).listen()
        connected.drain_events(timeout=5)
        with suppress(TimeoutError):
            connected.drain_events(timeout=0.2)

    connected.collect()
    connected.close()
    taken[0].ack()


def test_no_worker_ends_however_often_redis_goes_away(workers: Workers) -> None:
    """Unacknowledged hints and connections that are gone have ended workers, and with them applies."""
    workers.start(a=["stages"], b=["stages"], c=["control", "delivery"])
    queues = ("stages.local.a", "stages.local.b", "control", "delivery")
    chance = random.Random(4)
    deadline = time.monotonic() + DROPS_SECONDS

    with workers.hints(*queues):
        while time.monotonic() < deadline and not workers.dead():
            for _ in range(3):
                time.sleep(chance.uniform(0.002, 0.2))
                workers.drop()
            workers.kill_redis()
            time.sleep(RETRY_SECONDS)

    assert not workers.dead()
    workers.work_off(*queues)


def test_a_worker_goes_on_after_an_error_that_is_none_of_the_connections(workers: Workers) -> None:
    """A Redis that refuses to write, as one does whose disk is full, and a message that is none."""
    workers.start(a=["stages"])

    workers.command("CONFIG", "SET", "min-replicas-to-write", "1")
    time.sleep(LATER_SECONDS)
    workers.command("CONFIG", "SET", "min-replicas-to-write", "0")
    workers.work_off("stages.local.a")
    workers.command("LPUSH", "stages.local.a", "this is no message")
    workers.work_off("stages.local.a")

    assert not workers.dead()
    assert "consumer_failed" in workers.children["a"].log.read_text()


def test_a_busy_worker_leaves_hints_to_others_whatever_becomes_of_its_connection(
    workers: Workers,
) -> None:
    """What its only slot does goes on over a lost connection, and so does the count of free slots."""
    workers.start(a=["stages", "--slots", "1"])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE workspaces_taskstage")
        workers.send(*["stages.local"] * 3)
        until(lambda: workers.waiting("stages.local") == 2, "one hint is taken")

        for _ in range(3):
            workers.drop()
            time.sleep(LATER_SECONDS / 3)
        time.sleep(LATER_SECONDS)

        assert workers.waiting("stages.local") == 2
        workers.start(b=["stages", "--slots", "1"])
        until(lambda: workers.waiting("stages.local") == 1, "the other worker takes one")
    until(lambda: workers.waiting("stages.local") == 0, "hints are taken")
    assert not workers.dead()
