"""PostgreSQL and Redis for one command: started with it, stopped with it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from iacplatform.embedded.exceptions import RunDirectoryInUseError
from iacplatform.embedded.postgres import postgres
from iacplatform.embedded.processes import wait_until_ready
from iacplatform.embedded.redis import redis
from iacplatform.embedded.service import Service

# After a kill the servers still shut down for a moment.
SERVERS_STOP_SECONDS = 15.0


@contextmanager
def embedded_services(run_dir: Path, *, durable: bool) -> Iterator[dict[str, str]]:
    """Starts PostgreSQL and Redis; yields ``DATABASE_URL`` and ``REDIS_URL`` once both answer.

    Data and logs stay in ``run_dir``. A server whose variable is set already is not started: its
    address is passed on. With ``durable=False`` the data may not survive a crash of the machine:
    for tests. Call it from the main thread (see :mod:`iacplatform.embedded.processes`).
    Raises the errors of :mod:`iacplatform.embedded.exceptions`.
    """
    run_dir = run_dir.absolute()
    run_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    addresses = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    started: dict[str, Service] = {}
    with _locked(run_dir / "command.lock"), ExitStack() as stack:
        lock = stack.enter_context(_locked(run_dir / "servers.lock", SERVERS_STOP_SECONDS))
        if not addresses["REDIS_URL"]:
            started["REDIS_URL"] = stack.enter_context(redis(run_dir, lock=lock))
        if not addresses["DATABASE_URL"]:
            server = postgres(run_dir, durable=durable, lock=lock)
            started["DATABASE_URL"] = stack.enter_context(server)
        for service in started.values():
            wait_until_ready(service.child, service.ready)
        yield addresses | {name: service.url for name, service in started.items()}


@contextmanager
def _locked(path: Path, patience_seconds: float = 0.0) -> Iterator[int]:
    """Holds an exclusive lock; a process that inherits the yielded descriptor holds it too."""
    deadline = time.monotonic() + patience_seconds
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise RunDirectoryInUseError(
                        f"another command runs its services in {path.parent}; stop it first"
                    ) from None
                time.sleep(0.05)
        yield file.fileno()
