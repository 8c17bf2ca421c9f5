"""A part of the platform as a process that can be killed, frozen, told to stop and started again."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from iacplatform.embedded.processes import Child, spawn, stop, wait_until_ready
from tests.faults.waiting import until

START_SECONDS = 90.0
Started = TypeVar("Started")
_starter = ThreadPoolExecutor(1, thread_name_prefix="starter")


def start_for_good(start: Callable[[], Started]) -> Started:
    """Calls ``start`` in a thread that lives as long as this process.

    A child ends with the thread that started it (see :mod:`iacplatform.embedded.processes`), and the
    threads that do faults come and go.
    """
    return _starter.submit(start).result()


@dataclass
class Process:
    """One process; each start has a log file of its own. ``ready`` gets that file."""

    name: str
    command: list[str]
    environment: dict[str, str]
    directory: Path
    ready: Callable[[Path], bool]
    children: list[Child] = field(default_factory=list)

    @property
    def child(self) -> Child:
        """The newest start."""
        return self.children[-1]

    @property
    def alive(self) -> bool:
        """Whether it runs (or is frozen)."""
        return bool(self.children) and self.child.process.poll() is None

    def start(self) -> None:
        """Starts it; :meth:`wait` waits until it is ready."""
        log = self.directory / f"{self.name}.{len(self.children)}.log"
        launch = partial(spawn, self.name, self.command, log=log, environment=self.environment)
        self.children.append(start_for_good(launch))

    def wait(self) -> None:
        """Waits until it is ready."""
        wait_until_ready(self.child, lambda: self.ready(self.child.log), START_SECONDS)

    def kill(self) -> None:
        """SIGKILL to its process group; an engine has a group of its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.process.pid, signal.SIGKILL)
        self.child.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process alone."""
        with contextlib.suppress(ProcessLookupError):
            self.child.process.send_signal(number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Sends a signal to its whole process group, as a careless init does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.process.pid, number)

    def wait_end(self, seconds: float) -> float:
        """Waits until it has ended by itself; returns the seconds."""
        return until(lambda: not self.alive, f"{self.name} has ended", seconds)

    def restart(self) -> None:
        """Stops it if it runs, and starts it without waiting."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Tells it to stop, kills it if it does not."""
        if self.alive:
            self.send(signal.SIGCONT)
            stop(self.child)


@contextlib.contextmanager
def changed(processes: Sequence[Process], **environment: str) -> Iterator[None]:
    """Restarts processes with more in their environment, and as they were at the end."""
    before = [process.environment for process in processes]
    for process in processes:
        process.environment = process.environment | environment
    _restart(processes)
    try:
        yield
    finally:
        for process, known in zip(processes, before, strict=True):
            process.environment = known
        _restart(processes)


def _restart(processes: Sequence[Process]) -> None:
    for process in processes:
        process.restart()
    for process in processes:
        process.wait()
