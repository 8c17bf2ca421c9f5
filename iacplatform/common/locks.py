"""PostgreSQL advisory locks: work that only one process of the installation may do at a time."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Opens a transaction and has the lock ``name`` for its length, once those before it are done."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_number(name)])
        yield


@contextmanager
def try_exclusive(name: str) -> Iterator[bool]:
    """Opens a transaction and yields whether this process got the lock ``name`` for its length."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_number(name)])
        row = cursor.fetchone()
        yield bool(row and row[0])


def _number(name: str) -> int:
    return zlib.crc32(name.encode())
