"""The engine's command with a count of its starts: a script, not a module to import.

``python -IS counted_engine.py <directory> <terraform_command.py> <library> <arguments of terraform>``

Each start and each end is a line of ``<directory>/journal.jsonl``. Two applies of one workspace at
the same time are noticed by a lock that the kernel frees when an engine is gone. Files in
``<directory>/points`` (see :mod:`tests.faults.points`) make the engine wait, be loud or be stubborn.
"""

import fcntl
import json
import os
import runpy
import signal
import sys
import time
from typing import Any

LOUD_BYTES = 5_000_000
PART_BYTES = 50_000


class CountedEngine:
    """One command of the engine, in the work directory ``…/<workspace>/<task>``."""

    def __init__(self, directory: str, arguments: list[str]) -> None:
        self.directory, self.arguments = directory, arguments
        self.workspace, self.task = os.getcwd().split("/")[-2:]  # noqa: PTH109 - costs no import

    def note(self, event: str, **more: Any) -> None:
        """Writes a line to the journal."""
        known = {"workspace": self.workspace, "task": int(self.task), "pid": os.getpid()}
        entry = {"event": event, "what": self.arguments[0], **known, "time": time.time(), **more}
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        file = os.open(f"{self.directory}/journal.jsonl", flags, 0o600)
        os.write(file, f"{json.dumps(entry)}\n".encode())
        os.close(file)

    def is_up(self, action: str) -> bool:
        """Whether a point is up for this command and workspace."""
        return os.path.exists(self._point(action))  # noqa: PTH110

    def wait(self) -> None:
        """Waits as long as the point says so."""
        if self.is_up("hold"):
            self.note_reached()
        while self.is_up("hold"):
            time.sleep(0.05)

    def note_reached(self) -> None:
        """Says that it has come so far."""
        os.close(os.open(self._point("reached"), os.O_WRONLY | os.O_CREAT, 0o600))

    def watch_overlap(self) -> None:
        """Notes it where another apply of the workspace is alive."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        lock = os.open(f"{self.directory}/{self.workspace}.applying", flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.note("overlap")

    def _point(self, action: str) -> str:
        return f"{self.directory}/points/{action}.engine.{self.arguments[0]}.{self.workspace}"


def print_much() -> None:
    """Prints 5 MB without a newline."""
    for _ in range(LOUD_BYTES // PART_BYTES):
        os.write(1, b"x" * PART_BYTES)


def be_stubborn() -> None:
    """Goes on in a child, and is itself deaf to every signal that can be ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def main(directory: str, script: str, library: str, *arguments: str) -> int:
    """Runs the command; returns its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    engine = CountedEngine(directory, list(arguments))
    engine.note("start")
    if arguments[0] == "apply":
        engine.watch_overlap()
    engine.wait()
    if engine.is_up("loud"):
        print_much()
        engine.note_reached()
        signal.pause()
    if engine.is_up("stubborn"):
        be_stubborn()
    status = int(runpy.run_path(script)["main"](library, list(arguments)))
    engine.note("end", status=status)
    return status


if __name__ == "__main__":
    # Python's orderly exit would run beside Go's threads.
    os._exit(main(*sys.argv[1:]))
