"""The database as the faults see it: past the proxy, from any of their threads."""

import threading
from typing import Any

import psycopg


class Database:
    """One connection a thread; a new one when the server has been away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._own = threading.local()

    def sql(self, query: str, *values: Any) -> list[Any]:
        """Runs a statement, twice where the connection turns out to be dead; returns the rows."""
        try:
            return self._run(query, values)
        except psycopg.OperationalError:
            self._own.connection = None
            return self._run(query, values)

    def _run(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        cursor = self._connection().execute(query, values)
        return cursor.fetchall() if cursor.description else []

    def _connection(self) -> "psycopg.Connection[Any]":
        connection: psycopg.Connection[Any] | None = getattr(self._own, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg.connect(self._url, autocommit=True)
            self._own.connection = connection
        return connection
