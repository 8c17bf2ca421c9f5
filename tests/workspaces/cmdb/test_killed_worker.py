"""A sync whose worker process is killed in the middle."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection

from iacplatform.embedded.processes import Child, spawn, stop, wait_until_ready
from iacplatform.embedded.stack import MANAGE, is_ready
from tests.factories import WorkspaceFactory
from tests.workspaces.cmdb.states import addresses, resource, save, synced
from workspaces.cmdb.models import WorkspaceSync
from workspaces.cmdb.services.sync_requests import sweep_states

LEASE_SECONDS = 3
BEAT = [sys.executable, "-m", "celery", "-A", "iacplatform.celery", "beat"]
Start = Callable[[str, list[str]], Child]

pytestmark = pytest.mark.django_db(transaction=True)


def database_url() -> str:
    """The tests' own database, for other processes."""
    database = connection.settings_dict
    host, port = quote(database["HOST"], safe=""), database["PORT"] or 5432
    user = f"{database['USER']}:{database['PASSWORD']}"
    return f"postgresql://{user}@{host}:{port}/{database['NAME']}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts processes on the tests' database, and stops them at the end."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "iacplatform.settings.base",
        "DATABASE_URL": database_url(),
        "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    with ExitStack() as stack:

        def start_one(name: str, command: list[str]) -> Child:
            log = tmp_path / f"{name}.log"
            child = spawn(name, command, log=log, environment=environment)
            stack.callback(stop, child)
            return child

        yield start_one


def worker(start: Start, name: str) -> Child:
    """A worker of both queues that takes work."""
    child = start(name, [*MANAGE, "worker", "control", "delivery", "--slots", "4"])
    wait_until_ready(child, lambda: is_ready(child.log))
    return child


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.05)


def is_waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database() AND query LIKE '%cmdb_modulehierarchy%'"
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def test_a_sync_whose_worker_is_killed_leaves_nothing_and_is_done_by_another(start: Start) -> None:
    """H6: no half index, and nothing stays `syncing` once the lease is over."""
    workspace = WorkspaceFactory.create()
    synced(workspace, resource("aws_x.old"))
    save(workspace, *(resource(f"aws_x.r{number}") for number in range(50)))
    doomed = worker(start, "doomed")
    with psycopg.connect(database_url()) as holder:
        # The worker has written the resources and waits to write the modules.
        holder.execute("LOCK TABLE cmdb_modulehierarchy IN ACCESS EXCLUSIVE MODE")
        sweep_states()
        wait_for(is_waiting_for_a_lock)
        doomed.process.kill()
        doomed.process.wait()
    sync = WorkspaceSync.objects.get()
    assert sync.status == "syncing"
    assert addresses(workspace) == ["aws_x.old"]

    worker(start, "other")
    start("beat", [*BEAT, "--schedule", str(doomed.log.with_name("schedule"))])
    wait_for(lambda: len(addresses(workspace)) == 50)

    sync.refresh_from_db()
    assert (sync.status, sync.synced_version, sync.resource_count) == ("idle", 2, 50)
