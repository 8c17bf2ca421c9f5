"""The whole platform as separate processes on one machine, every one of which can be taken away.

PostgreSQL, Redis, a proxy in front of either, two stage workers with hosts and directories of their
own, a control worker, two beats and a web server.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis as redis_py
from celery import Celery
from requests.adapters import HTTPAdapter

from iacplatform.common.redis_url import broker_url
from iacplatform.embedded.client import PlatformClient
from iacplatform.embedded.engine import EngineArchive, embedded_terraform
from iacplatform.embedded.postgres import DATABASE, USER, postgres
from iacplatform.embedded.redis import redis
from iacplatform.embedded.stack import (
    LOOPBACK,
    MANAGE,
    PROJECT,
    answers,
    beat_command,
    bootstrap,
    free_port,
    installation_secrets,
    is_ready,
    platform_environment,
    web_command,
)
from tests.faults.configurations import write_script
from tests.faults.database import Database
from tests.faults.engine import counted_engine
from tests.faults.journal import Journal
from tests.faults.points import Points
from tests.faults.processes import Process
from tests.faults.proxy import Proxy
from tests.faults.servers import PostgreSQL, Redis

HOSTS = ("host-a", "host-b")
BEATS = ("beat-1", "beat-2")
SETTINGS = {
    "LOG_FORMAT": "console",
    "LOGIN_RATE": "1000/min",
    "API_RATE_USER": "0",
    "ENGINE_URL_SCHEMES": "http,https,file",
    "STAGE_GATES": "tests.faults.holding_gate.HoldingGate",
    "DATABASE_POOL_SIZE": "30",
}
FAST = {
    "LEASE_SECONDS": "4",
    "RENEW_SECONDS": "1",
    "RESCUE_HOST_WAIT_SECONDS": "4",
    "PLAN_GRACE_SECONDS": "3",
    "APPLY_GRACE_SECONDS": "3",
    "FORCE_GRACE_SECONDS": "2",
    "DRAIN_GRACE_SECONDS": "60",
    "STATE_SAVE_WAITS": "0.2,0.2,0.2,0.2",
    "INIT_RETRY_WAITS": "0.2,0.2",
}
"""Times that let a fault be over in seconds; everything else is what production has."""
CLIENTS = 50
"""Requests at the same time: each fault that is done is a client."""
STAGE_SLOTS = 40
"""A task that is held in a stage keeps its slot, and many are held at the same time."""


@dataclass
class Cluster:
    """A running platform, all of its parts, and what was written down of its engines."""

    directory: Path
    environment: dict[str, str]
    postgres: PostgreSQL
    redis: Redis
    postgres_proxy: Proxy
    redis_proxy: Proxy
    client: PlatformClient
    points: Points
    journal: Journal
    database: Database
    processes: dict[str, Process]

    @property
    def workers(self) -> list[Process]:
        """The stage workers."""
        return [self.processes[host] for host in HOSTS]

    @property
    def other_than(self) -> dict[str, Process]:
        """For each host the worker of the other one."""
        first, second = HOSTS
        return {first: self.processes[second], second: self.processes[first]}

    def work_root(self, host: str) -> Path:
        """Where a host keeps its work directories."""
        return self.directory / host / "work"

    def sql(self, query: str, *values: Any) -> list[Any]:
        """Runs a statement in the database, past the proxy."""
        return self.database.sql(query, *values)

    def publish(self, stage_ids: Sequence[int], queue: str) -> None:
        """Sends hints as the platform does, past the proxy."""
        with Celery(broker=broker_url(self.redis.service.url)) as celery:
            for stage_id in stage_ids:
                celery.send_task("executor.tasks.run_stage", (stage_id,), queue=queue)

    def redis_client(self) -> redis_py.Redis:
        """A client past the proxy; the caller closes it."""
        return redis_py.Redis.from_url(self.redis.service.url, socket_timeout=5)

    def heal(self) -> list[str]:
        """Brings everything back that is away; returns the names of the processes it started."""
        self.points.clear_all()
        for proxy in (self.postgres_proxy, self.redis_proxy):
            proxy.heal()
        for server in (self.redis, self.postgres):
            server.thaw()
            if not server.alive:
                server.start()
        started = [process for process in self.processes.values() if self._revive(process)]
        for process in self.processes.values():
            process.wait()
        return [process.name for process in started]

    def revive(self) -> bool:
        """Starts what is dead, without waiting until it is ready; true, for use in a condition."""
        for process in self.processes.values():
            self._revive(process)
        return True

    def _revive(self, process: Process) -> bool:
        if process.alive:
            process.send(signal.SIGCONT)
            return False
        process.start()
        return True


@contextmanager
def running_cluster(directory: Path, settings: dict[str, str] = FAST) -> Iterator[Cluster]:
    """Starts everything below ``directory``, yields once all of it is ready, stops it at the end.

    Call it from the main thread (see :mod:`iacplatform.embedded.processes`).
    """
    with ExitStack() as stack:
        lock = stack.enter_context((directory / "lock").open("w"))
        database = PostgreSQL(
            stack.enter_context(postgres(directory, durable=True, lock=lock.fileno()))
        )
        broker = Redis(
            stack.enter_context(redis(directory, lock=lock.fileno())), directory / "redis"
        )
        for server in (database, broker):
            server.wait()
        cluster = _cluster(directory, database, broker, settings)
        stack.callback(_stop, cluster)
        cluster.heal()
        yield cluster


def _cluster(
    directory: Path, database: PostgreSQL, broker: Redis, settings: dict[str, str]
) -> Cluster:
    sockets = (directory / "postgres-socket").readlink()
    postgres_proxy = Proxy(sockets / ".s.PGSQL.5432")
    redis_proxy = Proxy(Path(urlsplit(broker.service.url).path))
    write_script(directory)
    known = installation_secrets(directory / "secrets.json")
    base_url = f"http://{LOOPBACK}:{free_port()}"
    points, journal = Points(directory / "points"), Journal(directory / "journal.jsonl")
    points.directory.mkdir()
    environment = {
        **platform_environment(directory, base_url, known),
        **SETTINGS,
        **settings,
        "DATABASE_URL": f"postgresql://{USER}@{LOOPBACK}:{postgres_proxy.port}/{DATABASE}",
        "REDIS_URL": f"redis://{LOOPBACK}:{redis_proxy.port}/0",
        "FAULT_POINTS": str(points.directory),
    }
    token = bootstrap({**os.environ, **environment}, known["password"], _engine(directory))
    client = PlatformClient(base_url, token)
    client.session.mount("http://", HTTPAdapter(pool_maxsize=CLIENTS))
    return Cluster(
        directory,
        environment,
        database,
        broker,
        postgres_proxy,
        redis_proxy,
        client,
        points,
        journal,
        Database(database.service.url),
        _processes(directory, environment, base_url),
    )


def _engine(directory: Path) -> EngineArchive:
    real = embedded_terraform(PROJECT / ".cache")
    return counted_engine(real, directory)


def _processes(directory: Path, environment: dict[str, str], base_url: str) -> dict[str, Process]:
    def process(name: str, command: list[str], ready: Any = is_ready, **own: str) -> Process:
        return Process(name, command, {**os.environ, **environment, **own}, directory, ready)

    workers = [
        process(
            host,
            [*MANAGE, "worker", "stages", "--slots", str(STAGE_SLOTS)],
            DJANGO_SETTINGS_MODULE="tests.faults.settings",
            WORKER_HOST=host,
            WORK_ROOT=str(directory / host / "work"),
        )
        for host in HOSTS
    ]
    beats = [
        process(
            name,
            [*beat_command(directory / name), "--loglevel", "INFO"],
            _has_begun,
            DJANGO_SETTINGS_MODULE="tests.faults.beat_settings",
            FAULT_CLOCK=str(directory / "points" / name),
        )
        for name in BEATS
    ]
    control = process("control", [*MANAGE, "worker", "control", "delivery"], WORKER_HOST="control")
    web = process(
        "web", web_command(base_url), lambda _: answers(base_url), DATABASE_HEALTH_CHECKS="true"
    )
    return {each.name: each for each in (web, control, *beats, *workers)}


def _has_begun(log: Path) -> bool:
    return "is starting" in log.read_text(errors="replace")


def _stop(cluster: Cluster) -> None:
    for server in (cluster.redis, cluster.postgres):
        server.thaw()
    for process in reversed(cluster.processes.values()):
        process.stop()
    for proxy in (cluster.postgres_proxy, cluster.redis_proxy):
        proxy.close()
