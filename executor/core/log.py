"""A stage's part of its task's log: numbered, redacted, on disk at once and shipped in batches."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from executor.core.accessor import AttemptLost, LineKind, LogLine, ResourceProgress
from executor.core.left_lines import StoredLines, left_lines
from executor.core.lines import RedactedLines, Stream
from executor.core.log_shipping import LogShipper
from executor.core.messages import Level, marker_line, message_lines
from executor.core.output_files import Outputs
from executor.core.redaction import Redactor
from executor.core.spool import Place, Spool

_LEVELS: tuple[Level, ...] = ("DEBUG", "INFO", "WARN", "ERROR")
_KINDS: dict[Stream, LineKind] = {"stdout": "output", "stderr": "error"}
_ROOM_SECONDS = 30
_ROOM_POLL_SECONDS = 0.03


class TaskLog:
    """Writes the lines of one stage; to be used by the stage's own thread only.

    Platform lines are ``[HH:MM:SS.mmm] [LEVEL] message``, the engine's are as it wrote them
    (reference §5.10), both with sensitive values masked. Times are UTC. Each line is recorded in
    ``spool`` before it is handed to ``shipper``.
    """

    def __init__(
        self,
        shipper: LogShipper,
        spool: Spool,
        redactor: Redactor,
        stage: str,
        *,
        first_line: int = 1,
        level: Level = "INFO",
    ) -> None:
        """Numbers lines from ``first_line``; messages below ``level`` are left out."""
        self._shipper = shipper
        self._spool = spool
        self._redactor = redactor
        self._stage = stage
        self._least = _LEVELS.index(level)
        self._masked: dict[Stream, RedactedLines] = {}
        self._places: dict[Stream, Place] = {}
        self._taken_over: list[Path] = []
        self._first_line = first_line
        self._begin_held = False
        self.last_line = first_line - 1

    def hold_begin(self) -> None:
        """Lets the marker of the stage's begin be written before the next line, if one comes."""
        self._begin_held = True

    def begin(self) -> None:
        """Writes the marker that is held, if it still is."""
        if self._begin_held:
            self._begin_held = False
            self.marker("BEGIN")

    def marker(self, boundary: Literal["BEGIN", "END"]) -> None:
        """Writes where the stage begins or ends."""
        self._write([marker_line(self._stage, boundary)], "stage_marker")

    def message(self, level: Level, message: str) -> None:
        """Writes a message in as many lines as it takes, unless its level is not wanted."""
        if _LEVELS.index(level) >= self._least:
            texts = message_lines(level, self._redactor.redact(message))
            self._write(texts, "error" if level == "ERROR" else "output")

    @contextmanager
    def engine_outputs(self) -> Iterator[Outputs]:
        """Makes the files for one command's output, which is to be given to :meth:`output`.

        At the end what was held back is written: it could have been the start of a sensitive value.
        Raises :class:`StageError` when the disk is full.
        """
        with self._spool.engine_outputs() as (outputs, stdout, stderr):
            self._places = {"stdout": stdout, "stderr": stderr}
            self._masked = {stream: RedactedLines(self._redactor) for stream in _KINDS}
            try:
                yield outputs
            finally:
                for stream, masked in self._masked.items():
                    self._write_output(masked.finish(), stream)

    def output(self, lines: Sequence[str], stream: Stream) -> None:
        """Writes lines of the engine; a :data:`executor.core.lines.LinesConsumer`."""
        self._write_output(self._masked[stream].feed(lines), stream)

    def has_room(self) -> bool:
        """Says whether lines may come, or would only pile up because the platform is away."""
        return self._shipper.has_room()

    def progress(self, progress: ResourceProgress) -> None:
        """Reports what has become of a resource."""
        self._shipper.add_progress(progress)

    def write_left_lines(self, stored: StoredLines) -> None:
        """Writes the lines of earlier attempts in this work directory that are not ``stored`` yet.

        To be called under the directory's lock. What cannot be read stays for the next attempt.
        """
        folders = self._spool.earlier_folders()
        left = left_lines(folders, self._redactor, stored)
        try:
            for lines in left:
                self._wait_for_room()
                self._write(lines.texts, lines.kind, lines.place)
        except AttemptLost:
            raise
        except Exception as error:  # noqa: BLE001 - a log must not cost the stage
            # The type has to do: an error's text may repeat the lines.
            reason = type(error).__name__
            self.message("WARN", f"The log of an earlier attempt cannot be read ({reason}).")
        else:
            self._taken_over = folders

    def close(self) -> None:
        """Ships what is left; raises what :meth:`LogShipper.close` raises.

        In that case the record of this attempt stays, and ``last_line`` is the last one stored.
        """
        try:
            self._shipper.close()
        except BaseException:
            self.last_line = max(self._first_line - 1, self._shipper.stored_line)
            self._spool.close()
            raise
        self._spool.remove(self._taken_over)

    def _write_output(self, lines: Sequence[str], stream: Stream) -> None:
        place = self._places[stream]
        self._write(lines, _KINDS[stream], place)
        self._places[stream] = replace(place, number=place.number + len(lines))

    def _write(self, texts: Sequence[str], kind: LineKind, place: Place | None = None) -> None:
        if not texts:
            return
        self.begin()
        now = datetime.now(UTC)
        numbered = enumerate(texts, self.last_line + 1)
        lines = [LogLine(number, text, kind, self._stage, now) for number, text in numbered]
        self.last_line += len(lines)
        self._spool.add(lines, place)
        self._shipper.add_lines(lines)

    def _wait_for_room(self) -> None:
        deadline = time.monotonic() + _ROOM_SECONDS
        while not self.has_room() and time.monotonic() < deadline:
            time.sleep(_ROOM_POLL_SECONDS)
