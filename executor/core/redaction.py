"""Sensitive values kept out of everything a person or a database gets to see."""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from iacplatform.terraform.hcl import quote
from iacplatform.terraform.sensitivity import SENSITIVE

MIN_LENGTH = 4
"""Shorter values cannot be masked: they are part of ordinary words (reference §5.10)."""

# A text in quotes inside an HCL or JSON value, and what makes it the key of something.
_INNER_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*[=:])?')
_ADDRESS_KEY = re.compile(r'\["(?:[^"\\]|\\.)*"\]')


class Redactor:
    """Masks sensitive values in whole texts; :meth:`stream` masks them across chunk borders.

    A value is found as it is, in the spellings of JSON and HCL strings, and line by line where it
    has several lines, for the engine indents them. Values shorter than four characters stay.
    """

    def __init__(self, values: Iterable[str]) -> None:
        spellings = {text for value in values for text in _spellings(value)}
        self.patterns = sorted(spellings, key=lambda text: (-len(text), text))

    @cached_property
    def _search(self) -> re.Pattern[str]:
        """All patterns, the longest first; compiled only where a value really occurs."""
        return re.compile("|".join(map(re.escape, self.patterns)) or r"(?!)")

    @cached_property
    def trigrams(self) -> frozenset[str]:
        """Three characters from inside a value: what a chunk ends with that cuts one."""
        return frozenset(
            pattern[start : start + 3]
            for pattern in self.patterns
            for start in range(len(pattern) - 3)
        )

    @cached_property
    def by_first_character(self) -> dict[str, list[str]]:
        """The patterns that begin with each character."""
        found: dict[str, list[str]] = {}
        for pattern in self.patterns:
            found.setdefault(pattern[0], []).append(pattern)
        return found

    def redact(self, text: str) -> str:
        """Returns ``text`` with every sensitive value replaced by ``***SENSITIVE***``."""
        if not any(pattern in text for pattern in self.patterns):
            return text
        return self._search.sub(SENSITIVE, text)

    def redact_value(self, value: Any) -> Any:
        """Returns a JSON value with the sensitive ones masked in its texts, keys and numbers."""
        if not self.patterns:
            return value
        if isinstance(value, dict):
            return {self.redact(key): self.redact_value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.redact_value(item) for item in value]
        if value is None or isinstance(value, bool):
            return value
        text = str(value)
        masked = self.redact(text)
        return value if masked == text else masked

    def redact_keys(self, text: str) -> str:
        """Masks only what stands in the keys of addresses, as in ``aws_vpc.main["key"]``."""
        return _ADDRESS_KEY.sub(lambda key: self.redact(key[0]), text)

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
        patterns = self._redactor.patterns
        # A chunk that cuts a value after fewer than three characters is looked at without the set.
        longest = len(patterns[0]) - 1 if text[-3:] in self._redactor.trigrams else 2
        for position in range(max(0, len(text) - longest), len(text)):
            if any(
                len(pattern) > len(text) - position and pattern.startswith(text[position:])
                for pattern in self._redactor.by_first_character.get(text[position], ())
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
