"""Points: places that a worker or an engine passes, where a fault waits for one workspace to come by.

A point is an empty file in a directory that all processes know. Its name says what happens there
(``hold``, ``poison`` …), at which place, and to which workspace. Without the file nothing happens,
so one cluster serves all faults.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Action = Literal["hold", "poison", "loud", "stubborn"]


@dataclass(frozen=True)
class Points:
    """The points in one directory."""

    directory: Path

    def set(self, action: Action, place: str, workspace_id: str) -> None:
        """Puts a point up."""
        self._path(action, place, workspace_id).touch()

    def clear(self, action: Action, place: str, workspace_id: str) -> None:
        """Takes a point away: whoever is held there goes on."""
        self._path(action, place, workspace_id).unlink(missing_ok=True)

    def clear_all(self) -> None:
        """Takes all points away."""
        for path in self.directory.iterdir():
            path.unlink(missing_ok=True)

    def holds(self, action: Action, place: str, workspace_id: str) -> bool:
        """Whether the point is up."""
        return self._path(action, place, workspace_id).exists()

    def note_reached(self, place: str, workspace_id: str) -> None:
        """Says that somebody has come by."""
        self._reached(place, workspace_id).touch()

    def forget(self, place: str, workspace_id: str) -> None:
        """Makes as if nobody had come by yet."""
        self._reached(place, workspace_id).unlink(missing_ok=True)

    def is_reached(self, place: str, workspace_id: str) -> bool:
        """Whether somebody has come by."""
        return self._reached(place, workspace_id).exists()

    def _path(self, action: Action, place: str, workspace_id: str) -> Path:
        return self.directory / f"{action}.{place}.{workspace_id}"

    def _reached(self, place: str, workspace_id: str) -> Path:
        return self.directory / f"reached.{place}.{workspace_id}"
