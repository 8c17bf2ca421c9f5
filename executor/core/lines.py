"""Lines out of an engine's bytes, and whoever reads them."""

import codecs
import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal

from executor.core.redaction import Redactor

Stream = Literal["stdout", "stderr"]
Consumer = Callable[[str, Stream], None]
LinesConsumer = Callable[[Sequence[str], Stream], None]

MAX_LINE_LENGTH = 16 * 1024 * 1024
"""Characters of one line that are kept: a line without an end must not take all memory."""

_logger = logging.getLogger(__name__)


class LineSplitter:
    """Turns one stream of bytes into lines of any length.

    Bytes that are no UTF-8 and NUL become U+FFFD; of a line that redraws itself with ``\\r`` the
    last state counts.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._parts: list[str] = []
        self._length = 0

    def feed(self, data: bytes) -> list[str]:
        """Takes the next bytes and returns the lines that end in them."""
        first, *lines = self._decoder.decode(data).split("\n")
        self._keep(first)
        if not lines:
            return []
        finished = [self._take()]
        *whole, rest = lines
        for line in whole:
            self._keep(line)
            finished.append(self._take())
        self._keep(rest)
        return finished

    def finish(self) -> list[str]:
        """Returns the last line when the output did not end with a line's end."""
        self._keep(self._decoder.decode(b"", final=True))
        return [self._take()] if self._length else []

    def _keep(self, text: str) -> None:
        room = MAX_LINE_LENGTH - self._length
        self._length += len(text)
        if text and room > 0:
            self._parts.append(text[:room])

    def _take(self) -> str:
        line = _clean("".join(self._parts))
        if self._length > MAX_LINE_LENGTH:
            line += f" … [{self._length - MAX_LINE_LENGTH} more characters]"
        self._parts, self._length = [], 0
        return line


class RedactedLines:
    """Masks sensitive values in the lines of one stream, those of several lines too.

    A value that is masked takes its line ends with it, and a line that may end with the beginning
    of one is held back. The result does not depend on how many lines come at a time.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._stream = redactor.stream()
        self._unfinished = ""

    def feed(self, lines: Sequence[str]) -> list[str]:
        """Takes the next lines and returns those that are certain by now."""
        return self._finished(self._stream.feed("".join(f"{line}\n" for line in lines)))

    def finish(self) -> list[str]:
        """Returns what was held back, at the end of the output."""
        finished = self._finished(self._stream.flush())
        return [*finished, *([self._unfinished] if self._unfinished else [])]

    def _finished(self, text: str) -> list[str]:
        *finished, self._unfinished = (self._unfinished + text).split("\n")
        return finished


class LineReaders:
    """Gives the lines of an engine to every consumer.

    One that raises stops neither the engine nor the others: it is reported once and gets what comes
    next all the same.
    """

    def __init__(
        self,
        readers: Sequence[LinesConsumer],
        consumers: Sequence[Consumer],
        on_error: Callable[[str], None],
    ) -> None:
        """``readers`` take many lines at a time, ``consumers`` one by one."""
        self._readers = readers
        self._consumers = consumers
        self._on_error = on_error
        self._failed: set[object] = set()

    def __call__(self, lines: Sequence[str], stream: Stream) -> None:
        """Takes the next lines of a stream."""
        for reader in self._readers:
            self._give(reader, lines, stream)
        for consumer in self._consumers:
            for line in lines:
                self._give(consumer, line, stream)

    def _give(self, take: Callable[[Any, Stream], None], what: Any, stream: Stream) -> None:
        try:
            take(what, stream)
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine goes on
            self._report(take, error)

    def _report(self, take: object, error: Exception) -> None:
        if take in self._failed:
            return
        self._failed.add(take)
        # The line, and so the error's text, may hold a secret: the type has to do.
        message = f"A line of the engine could not be read ({type(error).__name__}); going on."
        _logger.error(message)
        self._on_error(message)


class OutputReader:
    """Turns one output of an engine into lines for its readers."""

    def __init__(self, stream: Stream, readers: LineReaders) -> None:
        self._stream = stream
        self._readers = readers
        self._splitter = LineSplitter()

    def __call__(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._readers(self._splitter.feed(data), self._stream)

    def finish(self) -> None:
        """Gives out the last line when the output did not end with a line's end."""
        self._readers(self._splitter.finish(), self._stream)


def _clean(line: str) -> str:
    shown = line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line
    return shown.replace("\0", "\ufffd")
