"""A pool after a restart of PostgreSQL: all its connections are dead at once."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from iacplatform.common.postgresql.base import DatabaseWrapper

pytestmark = pytest.mark.django_db(transaction=True)
IDLE = 12
Open = Any


@pytest.fixture
def open_pooled() -> Iterator[Open]:
    """Makes connections of one pool, which tests have none of; it is closed at the end."""
    options = connection.settings_dict["OPTIONS"] | {"pool": {"max_size": IDLE, "timeout": 10}}
    opened: list[DatabaseWrapper] = []

    def open_one(*, check: bool) -> DatabaseWrapper:
        values = connection.settings_dict | {"OPTIONS": options, "CHECK_POOLED": check}
        opened.append(DatabaseWrapper(values, alias=connection.alias))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()
    opened[0].close_pool()


def backend_of(wrapper: DatabaseWrapper) -> int:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return int(pid)


def kill_idle_connections(open_pooled: Open, *, check: bool) -> set[int]:
    """Fills the pool and ends the server's side of each of its connections."""
    wrappers = [open_pooled(check=check) for _ in range(IDLE)]
    pids = {backend_of(each) for each in wrappers}
    for each in wrappers:
        each.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(pg_terminate_backend(pid)) FROM unnest(%s) AS pid", [[*pids]])
        assert cursor.fetchone() == (IDLE,)
    return pids


def test_one_dead_connection_renews_them_all(open_pooled: Open) -> None:
    dead = kill_idle_connections(open_pooled, check=True)

    started = time.monotonic()
    assert backend_of(open_pooled(check=True)) not in dead
    assert time.monotonic() - started < 5


def test_without_checks_the_first_use_fails(open_pooled: Open) -> None:
    """What the setting is for; workers leave it off, they try again by themselves."""
    kill_idle_connections(open_pooled, check=False)

    with pytest.raises(OperationalError):
        backend_of(open_pooled(check=False))
