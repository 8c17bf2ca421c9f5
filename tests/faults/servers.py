"""PostgreSQL and Redis as victims: killed hard, frozen, started again with the same data and address."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iacplatform.embedded.processes import wait_until_ready
from iacplatform.embedded.service import Service
from tests.faults.processes import start_for_good
from tests.faults.waiting import until

START_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A server with all its processes."""

    service: Service

    @property
    def alive(self) -> bool:
        """Whether its first process runs."""
        return self.service.child.process.poll() is None

    def kill(self) -> None:
        """SIGKILL to every process of the server."""
        self._wait_gone(self._signal(signal.SIGKILL))

    def start(self) -> None:
        """Starts it again and waits until it answers."""
        start_for_good(self.service.start)
        self.wait()

    def wait(self) -> None:
        """Waits until it answers."""
        wait_until_ready(self.service.child, self.service.ready, START_SECONDS)

    def freeze(self) -> None:
        """SIGSTOP to every process of the server."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT to every process of the server."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> list[int]:
        found = list(family(self.service.child.process.pid))
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return found

    def _wait_gone(self, family: list[int]) -> None:
        self.service.child.process.wait()
        until(lambda: not any(map(_is_alive, family)), "the server's processes are gone")


class PostgreSQL(Server):
    """A database server."""

    def crash(self) -> None:
        """``pg_ctl stop -m immediate``: no checkpoint, recovery at the next start."""
        found = list(family(self.service.child.process.pid))
        self.service.child.process.send_signal(signal.SIGQUIT)
        self._wait_gone(found)


@dataclass(frozen=True)
class Redis(Server):
    """A Redis server with its append-only file in ``data``."""

    data: Path

    def wipe(self) -> None:
        """Removes what a killed server would read at its next start."""
        shutil.rmtree(self.data)
        self.data.mkdir(mode=0o700)


def family(pid: int) -> Iterator[int]:
    """A process and its children, which are all that a server has."""
    yield pid
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # pid (name) state parent …; the name may hold anything.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                yield int(stat.parent.name)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
