"""The backend; Django looks for it in a module of this name.

A pool's own check gives a connection up when it is dead and waits, longer each time, before it tries the
next. After a restart of PostgreSQL all are dead at once, and from the fifth on a request would wait for
the pool's whole time-out and fail although the server is there.
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection
from psycopg import Error as PsycopgError
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, but one dead connection of the pool makes it renew them all."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """A connection of the pool: one that answers, where ``CHECK_POOLED`` is set.

        Raises ``psycopg_pool.PoolTimeout`` where PostgreSQL is away.
        """
        connection: Connection = super().get_new_connection(conn_params)
        pool: ConnectionPool | None = self.pool
        if pool is None or not self.settings_dict.get("CHECK_POOLED") or _answers(connection):
            return connection
        pool.drain()
        pool.putconn(connection)
        fresh: Connection = super().get_new_connection(conn_params)
        return fresh


def _answers(connection: Connection) -> bool:
    try:
        ConnectionPool.check_connection(connection)
    except PsycopgError:
        return False
    return True
