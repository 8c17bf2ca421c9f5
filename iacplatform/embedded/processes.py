"""Child processes: each with a log file, watched until ready, gone when their parent is gone.

The last is Linux's parent-death signal, so that nothing stays behind a parent killed with SIGKILL.
The kernel ties it to the *thread* that started the child: start children from the main thread, or
from one that lives as long as they do.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from iacplatform.embedded.exceptions import ChildFailedError

PR_SET_PDEATHSIG = 1  # linux/prctl.h
POLL_SECONDS = 0.02
TAIL_LINES = 20
TAIL_BYTES = 16 * 1024


@dataclass(frozen=True)
class Child:
    """A running child process and how it is asked to stop."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals


def spawn(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    stop_signal: signal.Signals = signal.SIGTERM,
    account: pwd.struct_passwd | None = None,
    inherited_fds: Sequence[int] = (),
) -> Child:
    """Starts a child with exactly this environment; its output is added to ``log``.

    A session of its own keeps a terminal's Ctrl-C from it: the parent decides when it stops.
    With ``account`` the child gives up root for that user.
    """
    log.touch(mode=0o600)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherited_fds,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            # Set just before exec: a change of the user would undo it.
            preexec_fn=_die_with_parent(stop_signal),  # noqa: PLW1509
        )
    return Child(name, process, log, stop_signal)


def check(child: Child) -> None:
    """Raises :class:`ChildFailedError` where the child has ended."""
    status = child.process.poll()
    if status is not None:
        raise ChildFailedError(_report(child, f"{child.name} ended with status {status}"))


def wait_until_ready(child: Child, ready: Callable[[], bool], seconds: float = 30.0) -> None:
    """Returns once ``ready()`` is true; raises :class:`ChildFailedError` if it ends or is late."""
    deadline = time.monotonic() + seconds
    while True:
        check(child)
        if ready():
            return
        if time.monotonic() > deadline:
            raise ChildFailedError(_report(child, f"{child.name} was not ready in {seconds:g} s"))
        time.sleep(POLL_SECONDS)


def stop(child: Child, grace_seconds: float = 10.0) -> None:
    """Sends the stop signal and, when the grace is over, SIGKILL to the child's process group."""
    if child.process.poll() is not None:
        return
    child.process.send_signal(child.stop_signal)
    try:
        child.process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()


class Supervisor:
    """Named processes with one environment; leaving the ``with`` block stops them, newest first."""

    def __init__(
        self, run_dir: Path, environment: Mapping[str, str], grace_seconds: float = 10.0
    ) -> None:
        """``environment`` is added to this process's own; logs go to ``run_dir/<name>.log``."""
        self.run_dir = run_dir
        self.environment = {**os.environ, **environment}
        self.grace_seconds = grace_seconds
        self.children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        ready: Callable[[], bool] | None = None,
        ready_seconds: float = 30.0,
    ) -> Child:
        """Starts a process and, with ``ready``, waits for it; raises :class:`ChildFailedError`."""
        log = self.run_dir / f"{name}.log"
        child = spawn(name, command, log=log, environment=self.environment)
        self.children.append(child)
        if ready:
            wait_until_ready(child, ready, ready_seconds)
        return child

    def check(self) -> None:
        """Raises :class:`ChildFailedError` for the first process that has ended."""
        for child in self.children:
            check(child)

    def stop(self) -> None:
        """Stops what still runs, newest first."""
        while self.children:
            stop(self.children.pop(), self.grace_seconds)


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """What the child does between fork and exec; the look-ups are done here, before the fork."""
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return arrange


def _report(child: Child, sentence: str) -> str:
    with child.log.open("rb") as log:
        log.seek(max(0, child.log.stat().st_size - TAIL_BYTES))
        lines = log.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"{sentence}; the end of {child.log}:", *lines])
