"""Engine processes: started so that they cannot be orphaned, supervised without polling.

An engine runs in a session of its own, with an empty stdin, under a guardian
(:mod:`executor.core.guardian`) through which it stops gracefully when its supervisor is killed.

Output goes to files, which are read while they grow: what a dead supervisor has not read, and what
an engine says while it stops without one, is still there for the next.
"""

import math
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from executor.core.cancellation import CancelToken
from executor.core.guardian import guarded
from executor.core.output_files import forget_growth, memory_outputs, watch_growth
from executor.core.stop_signals import Grace, StopSignals

Sink = Callable[[bytes], None]
Limit = Literal["", "total", "silence"]

_READ_BYTES = 65536
_POLL_SECONDS = 0.03
_WATCHED_SECONDS = 1.0
_READY_SECONDS = 30.0


@dataclass(frozen=True)
class Command:
    """What to start: ``argv[0]`` is an absolute path, ``inherited_fds`` stay open in the engine."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    inherited_fds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Output:
    """One output of a command: a file that is empty yet, and who gets what is written to it."""

    file: int
    sink: Sink


@dataclass(frozen=True)
class ProcessLimits:
    """Seconds a process may take, and be silent on both outputs; 0 is no limit."""

    total: float = 0
    silence: float = 0

    def next(self, started: float, heard: float) -> tuple[float, Limit]:
        """Returns which limit comes first and when, given when the process started and spoke."""
        times: list[tuple[float, Limit]] = [(math.inf, "")]
        if self.total:
            times.append((started + self.total, "total"))
        if self.silence:
            times.append((heard + self.silence, "silence"))
        return min(times)

    def reason(self, limit: Limit) -> str:
        """Returns what to say when a limit is exceeded."""
        if limit == "total":
            return f"The engine has been running for {self.total:g} s, its time limit."
        return f"The engine has been silent for {self.silence:g} s, its silence limit."


NO_LIMITS = ProcessLimits()


@dataclass(frozen=True)
class ProcessResult:
    """How a process ended; ``exit_code`` is the negative signal number if a signal ended it.

    ``cancelled`` says that it was told to stop, ``limit`` for which limit it was told so instead,
    ``killed`` that it had to be killed; ``duration`` is seconds.
    """

    exit_code: int
    cancelled: bool
    killed: bool
    duration: float
    limit: Limit = ""


def supervise(
    command: Command,
    outputs: tuple[Output, Output],
    cancel: CancelToken,
    grace: Grace,
    on_step: Callable[[str], None],
    limits: ProcessLimits = NO_LIMITS,
    ready: Callable[[], bool] = lambda: True,
) -> ProcessResult:
    """Runs a command to its end; what it writes is read as it comes, as long as ``ready`` says so.

    When ``cancel`` is requested or one of ``limits`` is exceeded the engine gets SIGINT, after the
    grace SIGTERM, and at last its whole process group SIGKILL. ``on_step`` is told of each step.
    What the engine leaves behind in its process group is killed. Raises :class:`OSError` when the
    command cannot be started.
    """
    readers = [_Reader(output) for output in outputs]
    with ExitStack() as opened:
        watch = _watch_outputs(outputs, opened)
        process = _start(command, outputs)
        opened.callback(_end_group, process)
        stop = StopSignals(process.pid, grace, on_step)
        supervision = opened.enter_context(_Supervision(process, readers, ready, stop, limits))
        supervision.wake_at_growth(watch)
        supervision.wake_at_request(cancel)
        supervision.run()
    _read_rest(readers, ready)
    return supervision.result(process.returncode)


def capture(
    command: Command,
    cancel: CancelToken,
    grace: Grace,
    on_step: Callable[[str], None],
    limits: ProcessLimits = NO_LIMITS,
) -> tuple[ProcessResult, bytes, str]:
    """Runs a command like :func:`supervise` and returns its stdout and stderr whole."""
    with memory_outputs() as files:
        outputs = (Output(files[0], _ignore), Output(files[1], _ignore))
        result = supervise(command, outputs, cancel, grace, on_step, limits)
        output, errors = (os.pread(file, os.fstat(file).st_size, 0) for file in files)
    return result, output, errors.decode(errors="replace")


def _ignore(_: bytes) -> None:
    """Leaves an output to be read in one piece at the end."""


def _watch_outputs(outputs: Sequence[Output], opened: ExitStack) -> int | None:
    watch = watch_growth([output.file for output in outputs])
    if watch is not None:
        opened.callback(os.close, watch)
    return watch


def _start(command: Command, outputs: tuple[Output, Output]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        guarded(command.argv),
        cwd=command.cwd,
        env=dict(command.env),
        stdin=subprocess.DEVNULL,
        stdout=outputs[0].file,
        stderr=outputs[1].file,
        start_new_session=True,
        pass_fds=command.inherited_fds,
        umask=0o077,
    )


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kills what is left of the engine's process group and waits for the engine itself."""
    # Until it is waited for the engine is at least a zombie: its group's id is still its own.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Reader:
    """Reads an output that grows, at a place of its own in the file."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.position = 0

    def read(self) -> bool:
        """Passes the next bytes on; says whether there were any."""
        data = os.pread(self._output.file, _READ_BYTES, self.position)
        self.position += len(data)
        if data:
            self._output.sink(data)
        return bool(data)

    def size(self) -> int:
        """Returns how many bytes have been written up to now."""
        return os.fstat(self._output.file).st_size


class _Supervision:
    """One event loop over a process's outputs, its end, its limits and the request to stop it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        readers: Sequence[_Reader],
        ready: Callable[[], bool],
        stop: StopSignals,
        limits: ProcessLimits,
    ) -> None:
        self._readers = readers
        self._ready = ready
        self._stop = stop
        self._limits = limits
        self._started = self._heard = time.monotonic()
        self._size = 0
        self._pause = _POLL_SECONDS
        self._ended = False
        self._pidfd = os.pidfd_open(process.pid)
        self._selector = selectors.DefaultSelector()
        self._watch(self._pidfd, self._end)
        self._cancelled = False
        self._limit: Limit = ""
        self._duration = 0.0

    def __enter__(self) -> "_Supervision":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        os.close(self._pidfd)

    def wake_at_growth(self, watch: int | None) -> None:
        """Reads when a watch over the outputs says so, instead of every few milliseconds."""
        if watch is None:
            return
        self._watch(watch, partial(forget_growth, watch))
        self._pause = _WATCHED_SECONDS

    def wake_at_request(self, cancel: CancelToken) -> None:
        """Stops the process when that is requested."""
        self._watch(cancel.fileno(), partial(self._cancel, cancel.fileno()))
        self._watch(cancel.force_fileno(), partial(self._hurry, cancel.force_fileno()))

    def run(self) -> None:
        """Returns when the process has ended; what it wrote last is still to be read."""
        wait = 0.0
        while not self._ended:
            events = self._selector.select(max(0.0, wait))
            for key, _ in events:
                key.data()
            found = self._read()
            if found and not events and wait == _WATCHED_SECONDS:
                self._pause = _POLL_SECONDS  # the watch says nothing, as on files in memory
            self._check_limits()
            self._stop.go_on()
            pause = self._pause if self._ready() else _POLL_SECONDS
            wait = 0 if found else min(pause, self._next_deadline() - time.monotonic())
        self._duration = round(time.monotonic() - self._started, 3)

    def result(self, exit_code: int) -> ProcessResult:
        """Returns how the process has ended."""
        return ProcessResult(
            exit_code, self._cancelled, self._stop.killed, self._duration, self._limit
        )

    def _watch(self, fd: int, callback: Callable[[], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def _read(self) -> bool:
        """Reads a piece of each output; says whether there was any."""
        size = sum(reader.size() for reader in self._readers)
        if size != self._size:
            self._size, self._heard = size, time.monotonic()
        if not self._ready():
            return False
        pieces = [reader.read() for reader in self._readers]
        return any(pieces)

    def _next_deadline(self) -> float:
        if self._stop.begun:
            return self._stop.deadline
        return self._limits.next(self._started, self._heard)[0]

    def _check_limits(self) -> None:
        when, limit = self._limits.next(self._started, self._heard)
        if time.monotonic() >= when and not self._stop.begun:
            self._limit = limit
            self._stop.begin(self._limits.reason(limit))

    def _end(self) -> None:
        self._ended = True

    def _cancel(self, fd: int) -> None:
        self._selector.unregister(fd)
        self._cancelled = not self._stop.begun
        self._stop.begin()

    def _hurry(self, fd: int) -> None:
        self._selector.unregister(fd)
        self._stop.hurry()


def _read_rest(readers: Sequence[_Reader], ready: Callable[[], bool]) -> None:
    """Reads what a process wrote before it ended; waits for who is not ready, but not for ever."""
    deadline = time.monotonic() + _READY_SECONDS
    for reader in readers:
        # Something that it has started in another session may write on and on.
        size = reader.size()
        while reader.position < size and reader.read():
            while not ready() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
