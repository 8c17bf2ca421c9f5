"""The journal: what engines and the commands they run wrote down themselves, line by line."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock


@dataclass(frozen=True)
class Entry:
    """One line: a command's ``start``, ``end`` or ``overlap``, a line ``said``, a resource ``made``."""

    event: str
    what: str
    workspace: str
    task: int
    pid: int
    time: float


@dataclass(frozen=True)
class Journal:
    """The file that all engines append to; each of its lines is read once."""

    path: Path
    _known: list[Entry] = field(default_factory=list, repr=False)
    _reading: Lock = field(default_factory=Lock, repr=False)
    _position: list[int] = field(default_factory=lambda: [0], repr=False)

    def entries(self, *, task: int = 0, workspace: str = "") -> list[Entry]:
        """The lines of a task, of a workspace or of all, in their order."""
        return [
            entry
            for entry in self._read()
            if (not task or entry.task == task) and (not workspace or entry.workspace == workspace)
        ]

    def starts(self, command: str, *, task: int) -> list[Entry]:
        """Each start of an engine for a command of a task."""
        return [
            entry
            for entry in self.entries(task=task)
            if (entry.event, entry.what) == ("start", command)
        ]

    def whats(self, event: str, *, task: int = 0, workspace: str = "") -> list[str]:
        """What was said or made."""
        entries = self.entries(task=task, workspace=workspace)
        return [entry.what for entry in entries if entry.event == event]

    def _read(self) -> Iterable[Entry]:
        with self._reading:
            self._known.extend(map(_entry, self._new_lines()))
            return list(self._known)

    def _new_lines(self) -> list[bytes]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._position[0])
            # A line that is being written has no end yet.
            whole, end, _ = file.read().rpartition(b"\n")
        self._position[0] += len(whole + end)
        return whole.splitlines()


def _entry(line: bytes) -> Entry:
    known = json.loads(line)
    return Entry(**{name: known[name] for name in Entry.__dataclass_fields__})
