"""An attempt's own record of its log, for the case that its worker dies before all is stored.

A work directory keeps a folder for each attempt that has run in it, ``0003-planning`` say. In it
are the engine's outputs as they are (``1.stdout`` and ``1.stderr`` of its first command) and the
spool, ``lines.jsonl``: the lines handed to the platform, masked, and how far they are stored there.
The folder goes when all of them are. What stays is read by :mod:`executor.core.left_lines`.

A record begins with a line's end: one that was cut short by a full disk or a kill spoils no other.
"""

import json
import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from executor.core.accessor import LogLine
from executor.core.output_files import Outputs, named_outputs, room_needed

SPOOL_FILE = "lines.jsonl"

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = re.compile(r"(\d{4,})-([a-z_]+)")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where lines come from: a file in the folder of an attempt, and the first one's number there.

    In a spool the lines have the numbers of the log, in an engine's output they count from 0.
    """

    attempt: str
    file: str
    number: int = 0


class Spool:
    """Writes the record of one attempt, for the stage's thread and the one that stores its log.

    What cannot be written, on a full disk say, costs the record alone.
    """

    def __init__(self, attempts: Path, stage: str) -> None:
        """Makes a folder in ``attempts``; where that is not there nothing is recorded."""
        self._attempts = attempts
        self._stage = stage
        self._commands = 0
        self._file: int | None = None
        self._failed = False
        self.folder: Path | None = None
        if not attempts.is_dir():
            return
        try:
            self.folder = _new_folder(attempts, stage)
            self._file = os.open(self.folder / SPOOL_FILE, _FLAGS, 0o600)
            os.fchmod(self._file, 0o600)
        except OSError as error:
            self._fail(error)

    def add(self, lines: Sequence[LogLine], place: Place | None) -> None:
        """Records lines of one kind, before they are handed over.

        ``place`` is where they come from; none for what the platform says itself.
        """
        first = lines[0]
        record: dict[str, Any] = {
            "number": first.number,
            "kind": first.kind,
            "at": first.at.isoformat(),
            "lines": [line.text for line in lines],
        }
        if place is not None:
            record["of"] = [place.attempt, place.file, place.number]
        self._write(record)

    def note_stored(self, number: int) -> None:
        """Records that lines up to this one are stored."""
        self._write({"stored": number})

    @contextmanager
    def engine_outputs(self) -> Iterator[tuple[Outputs, Place, Place]]:
        """Makes the files for the outputs of the attempt's next command, and says which they are.

        Raises :class:`StageError` when the disk is full.
        """
        with room_needed():
            self.folder = self.folder or _new_folder(self._attempts, self._stage)
        self._commands += 1
        stdout, stderr = (self.folder / f"{self._commands}.{name}" for name in ("stdout", "stderr"))
        with named_outputs(stdout, stderr) as outputs:
            attempt = self.folder.name
            yield outputs, Place(attempt, stdout.name), Place(attempt, stderr.name)

    def earlier_folders(self) -> list[Path]:
        """Returns the folders of the attempts that began here before this one."""
        folders = attempt_folders(self._attempts)
        return folders[: folders.index(self.folder)] if self.folder in folders else []

    def close(self) -> None:
        """Ends the record; it stays."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None

    def remove(self, earlier: Iterable[Path] = ()) -> None:
        """Ends the record and removes it, with those of earlier attempts that it took over."""
        self.close()
        for folder in (*earlier, *([self.folder] if self.folder else [])):
            shutil.rmtree(folder, ignore_errors=True)

    def _write(self, record: dict[str, Any]) -> None:
        if self._file is None or self._failed:
            return
        data = f"\n{json.dumps(record)}".encode()
        try:
            if os.write(self._file, data) < len(data):
                self._failed = True
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self._failed = True
        _logger.warning("The lines of a stage cannot be kept on this host: %s", error)


def attempt_folders(attempts: Path) -> list[Path]:
    """Returns the folders of all attempts that have left something, the oldest first."""
    with suppress(FileNotFoundError), os.scandir(attempts) as entries:
        found = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
        return sorted(filter(_number, found), key=lambda folder: (_number(folder), folder.name))
    return []


def stage_of(folder: Path) -> str:
    """Returns the stage of an attempt's folder."""
    return folder.name.partition("-")[2]


def _number(folder: Path) -> int:
    match = _FOLDER.fullmatch(folder.name)
    return int(match[1]) if match else 0


def _new_folder(attempts: Path, stage: str) -> Path:
    number = max(map(_number, attempt_folders(attempts)), default=0)
    while True:
        number += 1
        folder = attempts / f"{number:04}-{stage}"
        with suppress(FileExistsError):  # of an attempt that begins at the same time
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)
            return folder
