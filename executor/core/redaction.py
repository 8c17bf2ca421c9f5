"""Sensitive values kept out of everything a person or a database gets to see."""

import json
import re
from collections.abc import Iterable, Iterator

from iacplatform.terraform.hcl import quote
from iacplatform.terraform.sensitivity import SENSITIVE

MIN_LENGTH = 4
"""Shorter values cannot be masked: they are part of ordinary words (reference §5.10)."""

# A text in quotes inside an HCL or JSON value, and what makes it the key of something.
_INNER_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*[=:])?')


class Redactor:
    """Masks sensitive values in whole texts; :meth:`stream` masks them across chunk borders.

    A value is found as it is, in the spellings of JSON and HCL strings, and line by line where it
    has several lines, for the engine indents them. Values shorter than four characters stay.
    """

    def __init__(self, values: Iterable[str]) -> None:
        spellings = {text for value in values for text in _spellings(value)}
        self.patterns = sorted(spellings, key=lambda text: (-len(text), text))
        self._search = re.compile("|".join(map(re.escape, self.patterns)) or r"(?!)")

    def redact(self, text: str) -> str:
        """Returns ``text`` with every sensitive value replaced by ``***SENSITIVE***``."""
        if not any(pattern in text for pattern in self.patterns):
            return text
        return self._search.sub(SENSITIVE, text)

    def stream(self) -> "RedactedStream":
        """Returns a masking stream for one output of one process."""
        return RedactedStream(self)

    def first_match(self, text: str, position: int) -> tuple[int, int]:
        """Returns where the next value begins and ends; both are ``len(text)`` when none does."""
        match = self._search.search(text, position)
        return match.span() if match else (len(text), len(text))


class RedactedStream:
    """Masks a text that arrives in chunks, holding back only what may be the start of a value."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""
        self._longest = max(map(len, redactor.patterns), default=0)
        # A chunk that cuts a value after three characters or more ends with three from inside it.
        self._inner = frozenset(
            pattern[start : start + 3]
            for pattern in redactor.patterns
            for start in range(len(pattern) - 3)
        )
        self._starts: dict[str, list[str]] = {}
        for pattern in redactor.patterns:
            self._starts.setdefault(pattern[0], []).append(pattern)

    def feed(self, chunk: str) -> str:
        """Takes the next chunk and returns the masked text that is certain by now."""
        text = self._held + chunk
        border = self._border(text)
        if border == len(text):
            self._held = ""
            return self._redactor.redact(text)
        masked, end = self._mask_until(text, border)
        self._held = text[max(border, end) :]
        return masked

    def flush(self) -> str:
        """Returns what was held back, masked, at the end of the output."""
        rest, self._held = self._held, ""
        return self._redactor.redact(rest)

    def _border(self, text: str) -> int:
        """Returns where a value may begin that the end of ``text`` cuts off."""
        longest = self._longest - 1 if text[-3:] in self._inner else 2
        for position in range(max(0, len(text) - longest), len(text)):
            if any(
                len(pattern) > len(text) - position and pattern.startswith(text[position:])
                for pattern in self._starts.get(text[position], ())
            ):
                return position
        return len(text)

    def _mask_until(self, text: str, border: int) -> tuple[str, int]:
        """Masks the values that begin before ``border``; also returns where the last one ends."""
        parts, position = [], 0
        start, end = self._redactor.first_match(text, 0)
        while start < border:
            parts += [text[position:start], SENSITIVE]
            position = end
            start, end = self._redactor.first_match(text, position)
        return "".join([*parts, text[position:border]]), position


def _spellings(value: str) -> Iterator[str]:
    """Yields each text that stands for ``value`` in an output."""
    texts = [value, *_inner_texts(value)]
    for text in texts:
        escaped = json.dumps(text, ensure_ascii=False)[1:-1]
        # Go's JSON writes these three for the sake of HTML.
        html = escaped.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
        candidates = {text, text.strip(), escaped, html, json.dumps(text)[1:-1], quote(text)[1:-1]}
        candidates |= {line.strip() for line in text.splitlines()}
        yield from (each for each in candidates if len(each.strip()) >= MIN_LENGTH)


def _inner_texts(value: str) -> list[str]:
    """Returns the texts within a map or a list; its keys are no secrets."""
    if value.lstrip()[:1] not in {"{", "["}:
        return []
    texts = [text for text, key in _INNER_TEXT.findall(value) if not key]
    return [*texts, *(text.replace(r"\"", '"').replace(r"\\", "\\") for text in texts)]
