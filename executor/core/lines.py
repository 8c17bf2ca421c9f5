"""Lines out of an engine's bytes, and whoever reads them."""

import codecs
import logging
from collections.abc import Callable, Sequence
from typing import Literal

Stream = Literal["stdout", "stderr"]
Consumer = Callable[[str, Stream], None]

MAX_LINE_LENGTH = 16 * 1024 * 1024
"""Characters of one line that are kept: a line without an end must not take all memory."""

_logger = logging.getLogger(__name__)


class LineSplitter:
    """Turns one stream of bytes into lines of any length and gives each to every consumer.

    Bytes that are no UTF-8 and NUL become U+FFFD; of a line that redraws itself with ``\\r`` the
    last state counts. A consumer that raises stops neither the engine nor the other consumers: it
    is reported once and gets the next line all the same.
    """

    def __init__(
        self, stream: Stream, consumers: Sequence[Consumer], on_error: Callable[[str], None]
    ) -> None:
        self._stream = stream
        self._consumers = consumers
        self._on_error = on_error
        self._failed: set[int] = set()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._parts: list[str] = []
        self._length = 0

    def __call__(self, data: bytes) -> None:
        """Takes the next bytes."""
        *lines, rest = self._decoder.decode(data).split("\n")
        for line in lines:
            self._keep(line)
            self._emit()
        self._keep(rest)

    def finish(self) -> None:
        """Gives out the last line when the output did not end with a line's end."""
        self._keep(self._decoder.decode(b"", final=True))
        if self._length:
            self._emit()

    def _keep(self, text: str) -> None:
        room = MAX_LINE_LENGTH - self._length
        self._length += len(text)
        if text and room > 0:
            self._parts.append(text[:room])

    def _emit(self) -> None:
        line = _clean("".join(self._parts))
        if self._length > MAX_LINE_LENGTH:
            line += f" … [{self._length - MAX_LINE_LENGTH} more characters]"
        self._parts, self._length = [], 0
        for number, consumer in enumerate(self._consumers):
            try:
                consumer(line, self._stream)
            except Exception as error:  # noqa: BLE001 - whatever it is, the engine goes on
                self._report(number, error)

    def _report(self, number: int, error: Exception) -> None:
        if number in self._failed:
            return
        self._failed.add(number)
        # The line, and so the error's text, may hold a secret: the type has to do.
        message = f"A line of the engine could not be read ({type(error).__name__}); going on."
        _logger.error(message)
        self._on_error(message)


def _clean(line: str) -> str:
    shown = line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line
    return shown.replace("\0", "\ufffd")
