"""Doing several things at the same moment, each with a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

PATIENCE_SECONDS = 10


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Lets all begin together; returns what each returned or raised, in their order."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            barrier.wait(PATIENCE_SECONDS)
            return act()
        except Exception as error:  # noqa: BLE001  it is looked at by the test
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
