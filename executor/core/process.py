"""Engine processes: started so that they cannot be orphaned, supervised without polling.

An engine runs in a session of its own, with an empty stdin. When the thread that supervises it
dies, however hard, the kernel sends it SIGINT (``PR_SET_PDEATHSIG``, prctl(2)), at which Terraform
and OpenTofu stop gracefully and write their state. ``preexec_fn`` would do that too, but is unsafe
in a process with threads. The signal is tied to the *thread*: start and supervise in the same one.

The engine also inherits the reading ends of its own output pipes. Without a reader its next word
would kill it by SIGPIPE (Go does not let that be ignored), in the middle of that graceful stop.
"""

import contextlib
import fcntl
import functools
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from executor.core.cancellation import CancelToken

Sink = Callable[[bytes], None]

_READ_BYTES = 65536
_PIPE_BYTES = 256 * 1024
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_PDEATHSIG = 1
# Python ignores two signals that an engine must not inherit as ignored.
_SHIM = (
    "import ctypes, os, signal, sys;"
    "[signal.signal(name, signal.SIG_DFL) for name in (signal.SIGPIPE, signal.SIGXFSZ)];"
    f"ctypes.CDLL(None).prctl({_PDEATHSIG}, {int(signal.SIGINT)});"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class Command:
    """What to start: ``argv[0]`` is an absolute path, ``inherited_fds`` stay open in the engine."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    inherited_fds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Grace:
    """Seconds a cancelled engine has from SIGINT to SIGTERM, and from there to SIGKILL."""

    interrupt: float
    terminate: float = 5


@dataclass(frozen=True)
class ProcessResult:
    """How a process ended; ``exit_code`` is the negative signal number if a signal ended it.

    ``cancelled`` says that it was told to stop, ``killed`` that it had to be killed; ``duration``
    is seconds.
    """

    exit_code: int
    cancelled: bool
    killed: bool
    duration: float


def supervise(
    command: Command,
    sinks: tuple[Sink, Sink],
    cancel: CancelToken,
    grace: Grace,
    on_step: Callable[[str], None],
) -> ProcessResult:
    """Runs a command to its end, giving stdout and stderr to ``sinks`` as they come.

    When ``cancel`` is requested the engine gets SIGINT, after the grace SIGTERM, and at last its
    whole process group SIGKILL; a forced request skips the first grace. ``on_step`` is told of each
    signal. What the engine leaves behind in its process group is killed. Raises :class:`OSError`
    when the command cannot be started.
    """
    started = time.monotonic()
    readers, process = _start(command)
    try:
        with _Supervision(process, cancel, grace, on_step) as supervision:
            supervision.run(list(zip(readers, sinks, strict=True)))
    finally:
        _end_group(process)
        for reader in readers:
            os.close(reader)
    duration = round(time.monotonic() - started, 3)
    return ProcessResult(process.returncode, supervision.cancelled, supervision.killed, duration)


def capture(
    command: Command, cancel: CancelToken, grace: Grace, on_step: Callable[[str], None]
) -> tuple[ProcessResult, bytes, str]:
    """Runs a command like :func:`supervise` and returns its stdout and stderr whole."""
    output, errors = bytearray(), bytearray()
    result = supervise(command, (output.extend, errors.extend), cancel, grace, on_step)
    return result, bytes(output), errors.decode(errors="replace")


def _start(command: Command) -> tuple[tuple[int, int], subprocess.Popen[bytes]]:
    """Starts a command; also returns the reading ends of its stdout and stderr."""
    (stdout, stdout_end), (stderr, stderr_end) = _pipe(), _pipe()
    try:
        process = subprocess.Popen(
            [*_death_signal_prefix(), *command.argv],
            cwd=command.cwd,
            env=dict(command.env),
            stdin=subprocess.DEVNULL,
            stdout=stdout_end,
            stderr=stderr_end,
            start_new_session=True,
            pass_fds=(*command.inherited_fds, stdout, stderr),
            umask=0o077,
        )
    except BaseException:
        os.close(stdout)
        os.close(stderr)
        raise
    finally:
        os.close(stdout_end)
        os.close(stderr_end)
    return (stdout, stderr), process


def _pipe() -> tuple[int, int]:
    """Makes a pipe with room for what an engine still says when its supervisor is dead."""
    reader, writer = os.pipe()
    # An ordinary user may have only so much of it, in all pipes together.
    with contextlib.suppress(PermissionError):
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reader, writer


@functools.cache
def _death_signal_prefix() -> tuple[str, ...]:
    """Returns the command that starts another one with the signal set: 1 ms, or 15 in Python."""
    setpriv = shutil.which("setpriv")
    prefix = (setpriv or "", "--pdeathsig", "INT")
    # Other implementations of setpriv than that of util-linux do not know the option.
    if (
        setpriv
        and subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0
    ):
        return prefix
    return (sys.executable, "-I", "-S", "-c", _SHIM)


class _Supervision:
    """One event loop over a process's outputs, its end and the request to stop it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        cancel: CancelToken,
        grace: Grace,
        on_step: Callable[[str], None],
    ) -> None:
        self._process = process
        self._on_step = on_step
        self._selector = selectors.DefaultSelector()
        self._pidfd = os.pidfd_open(process.pid)
        self._ended = False
        self._grace = grace
        self._next_signal = iter(_SIGNALS)
        self._deadline: float | None = None
        self.cancelled = False
        self.killed = False
        self._watch(self._pidfd, self._end)
        self._watch(cancel.fileno(), functools.partial(self._stop, cancel.fileno()))
        self._watch(cancel.force_fileno(), functools.partial(self._hurry, cancel.force_fileno()))

    def __enter__(self) -> "_Supervision":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        os.close(self._pidfd)

    def run(self, outputs: Sequence[tuple[int, Sink]]) -> None:
        """Reads the outputs, each with its sink, until the process has ended."""
        for reader, sink in outputs:
            self._watch(reader, functools.partial(self._read, reader, sink))
        while not self._ended:
            self._turn()
        for reader, sink in outputs:
            _drain(reader, sink)

    def _watch(self, fd: int, callback: Callable[[], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def _turn(self) -> None:
        timeout = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        for key, _ in self._selector.select(timeout):
            key.data()
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._send_next_signal()

    def _read(self, reader: int, sink: Sink) -> None:
        if data := os.read(reader, _READ_BYTES):
            sink(data)
        else:
            self._selector.unregister(reader)

    def _end(self) -> None:
        self._ended = True

    def _stop(self, fd: int) -> None:
        self._selector.unregister(fd)
        self.cancelled = True
        self._send_next_signal()

    def _hurry(self, fd: int) -> None:
        self._selector.unregister(fd)
        self._grace = Grace(0, self._grace.terminate)
        if self._deadline is not None:
            self._deadline = time.monotonic()

    def _send_next_signal(self) -> None:
        number = next(self._next_signal)
        seconds = {signal.SIGINT: self._grace.interrupt, signal.SIGTERM: self._grace.terminate}
        self._deadline = time.monotonic() + seconds[number] if number in seconds else None
        self._on_step(f"{number.name} is sent to the engine.")
        with contextlib.suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                self.killed = True
                os.killpg(self._process.pid, number)
            else:
                signal.pidfd_send_signal(self._pidfd, number)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kills what is left of the engine's process group and waits for the engine itself."""
    # Until it is waited for the engine is at least a zombie: its group's id is still its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _drain(reader: int, sink: Sink) -> None:
    """Reads what the engine wrote before it ended; who else holds the pipe is not waited for."""
    os.set_blocking(reader, False)
    left = _PIPE_BYTES
    with contextlib.suppress(BlockingIOError):
        while left > 0 and (data := os.read(reader, _READ_BYTES)):
            sink(data)
            left -= len(data)
