"""The signals that end an engine: each stronger than the last, with time in between."""

import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from executor.core.guardian import send_signal


@dataclass(frozen=True)
class Grace:
    """Seconds an engine that has to stop is given from SIGINT to SIGTERM, and then to SIGKILL.

    ``force`` is what takes the place of ``interrupt``, if it is less, when the stop is forced. It
    is not zero: at a second signal Terraform ends at once, and its state is lost.
    """

    interrupt: float
    terminate: float = 5
    force: float = 10


class StopSignals:
    """Sends SIGINT, SIGTERM and at last SIGKILL to an engine whose guardian has not been waited for yet."""

    def __init__(self, pid: int, grace: Grace, on_step: Callable[[str], None]) -> None:
        """``pid`` is a guardian that leads a process group; ``on_step`` is told of each signal."""
        self._pid = pid
        self._grace = grace
        self._on_step = on_step
        self._sent: signal.Signals | None = None
        self._begun = 0.0
        self.deadline = math.inf

    @property
    def begun(self) -> bool:
        """Says whether the process has been told to stop."""
        return self._sent is not None

    @property
    def killed(self) -> bool:
        """Says whether the process had to be killed."""
        return self._sent is signal.SIGKILL

    def begin(self, reason: str = "") -> None:
        """Sends SIGINT, unless the process is stopping already."""
        if self.begun:
            return
        if reason:
            self._on_step(reason)
        self._begun = time.monotonic()
        self._send(signal.SIGINT)
        self.deadline = self._begun + self._grace.interrupt

    def hurry(self) -> None:
        """Shortens the time between SIGINT and SIGTERM."""
        self._grace = replace(self._grace, interrupt=min(self._grace.interrupt, self._grace.force))
        if self._sent is signal.SIGINT:
            self.deadline = self._begun + self._grace.interrupt

    def go_on(self) -> None:
        """Sends the next signal if its time, ``deadline`` of the monotonic clock, has come."""
        now = time.monotonic()
        if now < self.deadline:
            return
        if self._sent is signal.SIGINT:
            self._send(signal.SIGTERM)
            self.deadline = now + self._grace.terminate
        else:
            self._send(signal.SIGKILL)
            self.deadline = math.inf

    def _send(self, number: signal.Signals) -> None:
        self._sent = number
        self._on_step(f"{number.name} is sent to the engine.")
        with suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(self._pid, number)
            else:
                send_signal(self._pid, number)
