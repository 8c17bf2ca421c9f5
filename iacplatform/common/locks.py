"""PostgreSQL advisory locks: work that only one process of the installation may do at a time."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def try_exclusive(name: str) -> Iterator[bool]:
    """Opens a transaction and yields whether this process got the lock ``name`` for its length."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [zlib.crc32(name.encode())])
        row = cursor.fetchone()
        yield bool(row and row[0])
