"""Log lines in a work directory that never reached the platform: their worker was killed."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, takewhile
from pathlib import Path
from typing import IO, Any

from executor.core.accessor import LineKind, LogLine
from executor.core.lines import LineSplitter, RedactedLines
from executor.core.messages import message_lines
from executor.core.redaction import Redactor
from executor.core.spool import SPOOL_FILE, Place, attempt_folders, stage_of

_OUTPUT_FILE = re.compile(r"(\d+)\.(stdout|stderr)")
_READ_BYTES = 65536

# The number of the first line that is left in a file of an attempt.
_Taken = dict[tuple[str, str], int]

StoredLines = Callable[[int, int], Sequence[str]]
"""Gives the lines that the platform has from a number on, so many at most."""


@dataclass(frozen=True)
class LeftLines:
    """Consecutive lines that an attempt left; ``at`` is when they were logged or written, about.

    Lines about them, which say what they are, have no ``place``.
    """

    texts: Sequence[str]
    kind: LineKind
    at: datetime
    stage: str
    place: Place | None


def left_lines(
    folders: Sequence[Path], redactor: Redactor, stored: StoredLines
) -> Iterator[LeftLines]:
    """Yields what the attempts in ``folders`` left, one attempt after the other.

    That is, of each, the lines it has logged, and then what its engine wrote that it has not read,
    masked. Lines that the platform has under their numbers are passed over: of a killed worker it
    also stores what was only shown. To be called under the work directory's lock: the engine of a
    killed worker may still write. Raises :class:`OSError`, and :class:`ValueError`,
    :class:`LookupError` or :class:`TypeError` for a spool that was tampered with.
    """
    taken, followers = _taken(folders, stored)
    # What was being taken over when that attempt was cut off, too, comes before the rest of it.
    first = [folder for folder in reversed(folders) if folder.name in followers]
    for folder in (*first, *(folder for folder in folders if folder.name not in followers)):
        logged = _logged(folder, taken.get((folder.name, SPOOL_FILE), 0))
        yield from _under(f"Lines of {_attempt(folder)} that were not stored:", logged)
    for folder in folders:
        unread = (
            lines
            for path in _output_files(folder)
            for lines in _unread(path, redactor, taken.get((folder.name, path.name), 0))
        )
        yield from _under(f"What the engine of {_attempt(folder)} went on to say:", unread)


def left_log(
    attempts: Path, redactor: Redactor, stored: StoredLines, *, last_line: int
) -> Iterator[LogLine]:
    """Yields what all attempts in a work directory left, for a task that has ended meanwhile.

    ``attempts`` is :attr:`WorkDirectory.attempts`. The lines' numbers follow ``last_line``, the
    last that the platform has. Under the same conditions as :func:`left_lines`.
    """
    numbers = count(last_line + 1)
    for lines in left_lines(attempt_folders(attempts), redactor, stored):
        for text in lines.texts:
            yield LogLine(next(numbers), text, lines.kind, lines.stage, lines.at)


def _under(heading: str, found: Iterable[LeftLines]) -> Iterator[LeftLines]:
    total = 0
    for lines in found:
        if not total:
            yield replace(lines, texts=message_lines("WARN", heading), kind="output", place=None)
        yield lines
        total += len(lines.texts)
        last = lines
    if total:
        end = message_lines("INFO", f"(end of {total} lines of an earlier attempt)")
        yield replace(last, texts=end, kind="output", place=None)


def _attempt(folder: Path) -> str:
    return f"an earlier attempt at {stage_of(folder)}"


def _taken(folders: Sequence[Path], stored: StoredLines) -> tuple[_Taken, set[str]]:
    """Also returns the names of the attempts that have taken over lines of others."""
    taken: _Taken = {}
    followers = set()
    for folder in folders:
        noted = 0
        for record in _records(folder):
            if "stored" in record:
                noted = record["stored"]
            elif "of" in record:
                attempt, file, number = record["of"]
                taken[attempt, file] = number + len(record["lines"])
                followers |= {folder.name} - {attempt}
        taken[folder.name, SPOOL_FILE] = _first_missing(folder, noted + 1, stored)
    return taken, followers


def _first_missing(folder: Path, start: int, stored: StoredLines) -> int:
    """The number of the first line that an attempt has logged and the platform does not have."""
    for lines in _logged(folder, start):
        number = lines.place.number if lines.place else start
        known = stored(number, len(lines.texts))
        same = [text == there for text, there in zip(lines.texts, known, strict=False)]
        start = number + len([*takewhile(bool, same)])
        if start < number + len(lines.texts):
            break
    return start


def _logged(folder: Path, start: int) -> Iterator[LeftLines]:
    for record in _records(folder):
        texts = record.get("lines", [])[max(0, start - record.get("number", 0)) :]
        if not texts:
            continue
        # Of a stage that is over, a mark would be taken for one of the stage that runs.
        kind: LineKind = "error" if record["kind"] == "error" else "output"
        number = record["number"] + len(record["lines"]) - len(texts)
        place = Place(folder.name, SPOOL_FILE, number)
        at = datetime.fromisoformat(record["at"])
        yield LeftLines(texts, kind, at, stage_of(folder), place)


def _unread(path: Path, redactor: Redactor, start: int) -> Iterator[LeftLines]:
    kind: LineKind = "error" if path.suffix == ".stderr" else "output"
    stage, attempt = stage_of(path.parent), path.parent.name
    with _open(path) as file:
        at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
        number = 0
        for lines in _masked_lines(file, redactor):
            texts = lines[max(0, start - number) :]
            number += len(lines)
            if texts:
                place = Place(attempt, path.name, number - len(texts))
                yield LeftLines(texts, kind, at, stage, place)


def _masked_lines(file: IO[bytes], redactor: Redactor) -> Iterator[list[str]]:
    splitter, masked = LineSplitter(), RedactedLines(redactor)
    while data := file.read(_READ_BYTES):
        yield masked.feed(splitter.feed(data))
    yield masked.feed(splitter.finish())
    yield masked.finish()


def _output_files(folder: Path) -> list[Path]:
    """The outputs of an attempt's commands, in the order of the commands."""
    found = [path for path in folder.iterdir() if _OUTPUT_FILE.fullmatch(path.name)]
    return sorted(found, key=lambda path: (int(path.stem), path.suffix != ".stdout"))


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    """The whole records of a spool; what a kill has cut short is left out."""
    with suppress(FileNotFoundError), _open(folder / SPOOL_FILE) as file:
        for line in file:
            with suppress(ValueError):
                yield json.loads(line)


def _open(path: Path) -> IO[bytes]:
    """Opens a file that an engine could have put a link or a pipe in the place of."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(fd, "rb")
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        file.close()
        raise OSError(f"{path} is no file.")
    return file
