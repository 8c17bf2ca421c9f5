"""A stage's part of its task's log: numbered, redacted, on disk at once and shipped in batches."""

import contextlib
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from executor.core.accessor import LineKind, LogLine, ResourceProgress
from executor.core.lines import Stream
from executor.core.log_shipping import LogShipper
from executor.core.redaction import Redactor

Level = Literal["DEBUG", "INFO", "WARN", "ERROR"]

_LEVELS: tuple[Level, ...] = ("DEBUG", "INFO", "WARN", "ERROR")
_KINDS: dict[Stream, LineKind] = {"stdout": "output", "stderr": "error"}

_logger = logging.getLogger(__name__)


class TaskLog:
    """Writes the lines of one stage; to be used by the stage's own thread only.

    Platform lines are ``[HH:MM:SS.mmm] [LEVEL] message``, the engine's are as it wrote them
    (reference §5.10), both with sensitive values masked. Times are UTC. A file that cannot be
    written, on a full disk say, costs the file alone: each line is shipped all the same.
    """

    def __init__(
        self,
        shipper: LogShipper,
        redactor: Redactor,
        stage: str,
        *,
        first_line: int = 1,
        path: Path | None = None,
        level: Level = "INFO",
    ) -> None:
        """Appends to ``path`` too, where one is given; lines below ``level`` are left out."""
        self._shipper = shipper
        self._redactor = redactor
        self._stage = stage
        self._least = _LEVELS.index(level)
        self._file = None if path is None else _open(path)
        self._file_failed = False
        self._streams = {stream: redactor.stream() for stream in _KINDS}
        self._unfinished: dict[Stream, str] = {"stdout": "", "stderr": ""}
        self.last_line = first_line - 1

    def marker(self, boundary: Literal["BEGIN", "END"]) -> None:
        """Writes where the stage begins or ends."""
        moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        text = f"{self._stage.upper()} {boundary} at {moment}"
        self._write(f"========== {text} ==========", "stage_marker")

    def message(self, level: Level, message: str) -> None:
        """Writes a message in as many lines as it takes, unless its level is not wanted."""
        if _LEVELS.index(level) < self._least:
            return
        first, *others = self._redactor.redact(message).split("\n")
        moment = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
        kind: LineKind = "error" if level == "ERROR" else "output"
        for line in (f"[{moment}] [{level}] {first}", *others):
            self._write(line, kind)

    def output(self, line: str, stream: Stream) -> None:
        """Writes a line of the engine; a :data:`executor.core.lines.Consumer`."""
        self._write_output(self._streams[stream].feed(f"{line}\n"), stream)

    def end_output(self) -> None:
        """Writes what was held back because it could have been the start of a sensitive value."""
        for stream, redacted in self._streams.items():
            self._write_output(redacted.flush(), stream)
            if self._unfinished[stream]:
                self._write_output("\n", stream)

    def progress(self, progress: ResourceProgress) -> None:
        """Reports what has become of a resource."""
        self._shipper.add_progress(progress)

    def close(self) -> None:
        """Ships what is left; raises what :meth:`LogShipper.close` raises."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None
        self._shipper.close()

    def _write_output(self, text: str, stream: Stream) -> None:
        *lines, self._unfinished[stream] = (self._unfinished[stream] + text).split("\n")
        for line in lines:
            self._write(line, _KINDS[stream])

    def _write(self, text: str, kind: LineKind) -> None:
        self.last_line += 1
        line = LogLine(self.last_line, text, kind, self._stage, datetime.now(UTC))
        self._shipper.add_line(line)
        if self._file is not None:
            self._append(self._file, f"{text}\n")

    def _append(self, file: int, text: str) -> None:
        try:
            os.write(file, text.encode(errors="replace"))
        except OSError as error:
            if not self._file_failed:
                _logger.warning("The log file of a stage cannot be written: %s", error)
            self._file_failed = True


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    os.fchmod(fd, 0o600)
    return fd
