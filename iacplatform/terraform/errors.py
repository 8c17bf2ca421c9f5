"""The engine's own words on what failed, taken out of its output.

An error is a header ``Error: …`` with paragraphs below it, either plain (``-no-color``) or in a box
(``╷ │ ╵``); Terraform since 0.15 and OpenTofu print both alike.
"""

import re
from collections import deque
from collections.abc import Iterable

MAX_ERROR_LENGTH = 16_000
"""Longest text that :func:`extract_error` returns, in characters."""

_FALLBACK_LINES = 20
_CUT = " …"
_LONGEST_WORD = 200
# One more than fits, so that a text which was cut is seen to be too long.
_KEPT = MAX_ERROR_LENGTH + 1
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BOX = re.compile(r"^│ ?")
_HEADER = re.compile(r"(Error|Warning):")
# A line of the platform's own log, or a stage marker (reference §5.10).
_LOG_LINE = re.compile(r"\[(?:\d\d:\d\d:\d\d|[A-Z]+\])|={10} ")


def plain(line: str) -> str:
    """Returns a line without its end, its colours and the left side of a box."""
    return _BOX.sub("", _ANSI.sub("", line.rstrip("\r\n")))


class ErrorBlocks:
    """Collects the error blocks of an output that arrives line by line.

    A block ends with its box, with the next block, with a line of the platform's log or with the
    output. At most ``MAX_ERROR_LENGTH`` characters of a block are kept.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._length = 0

    def feed(self, line: str) -> str:
        """Takes a line as :func:`plain` returns it; returns the block it ends, or ``""``."""
        header = _HEADER.match(line)
        if not header and not line.startswith(("╷", "╵")) and not _LOG_LINE.match(line):
            self._keep(line)
            return ""
        ended = self.finish()
        if header and header[1] == "Error":
            self._lines = [line[:_KEPT]]
        return ended

    def _keep(self, line: str) -> None:
        if not self._lines or self._length >= MAX_ERROR_LENGTH:
            return
        self._lines.append(line[:_KEPT])
        self._length += len(line) + 1

    def finish(self) -> str:
        """Returns the block that is open, ``""`` when there is none."""
        block = "\n".join(self._lines).rstrip()
        self._lines, self._length = [], 0
        return _capped(block)


def extract_error(output: str | Iterable[str]) -> str:
    """Returns the error blocks of an engine's output, or its last 20 lines when there is none.

    Colours and boxes are taken off; the text is cut between words at ``MAX_ERROR_LENGTH``
    characters (reference §5.9).
    """
    lines = output.splitlines() if isinstance(output, str) else output
    blocks = ErrorBlocks()
    found: list[str] = []
    last: deque[str] = deque(maxlen=_FALLBACK_LINES)
    for line in map(plain, lines):
        found.append(blocks.feed(line))
        if line.strip():
            last.append(line[:_KEPT])
    found.append(blocks.finish())
    return _capped("\n\n".join(filter(None, found)) or "\n".join(last))


def _capped(text: str) -> str:
    if len(text) <= MAX_ERROR_LENGTH:
        return text
    end = MAX_ERROR_LENGTH - len(_CUT)
    space = max(
        text.rfind(" ", end - _LONGEST_WORD, end), text.rfind("\n", end - _LONGEST_WORD, end)
    )
    return text[: space if space > 0 else end].rstrip() + _CUT
