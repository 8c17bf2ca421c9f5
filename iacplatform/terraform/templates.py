"""Strings of Terraform's JSON syntax, each of which is a template: what of them is text, what expression.

Grammar: https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#templates
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from iacplatform.terraform.exceptions import ConfigurationError

# What is not closed goes on to the end: it is searched for once, not at every place where it may begin.
_NAME = r"[^\W\d][\w-]*+"
_OPENING = r"(?P<escaped>\$\$\{|%%\{)|(?P<open>[$%]\{)"
_TOKENS = {
    "template": re.compile(_OPENING),
    "quoted": re.compile(rf'(?P<skipped>\\.)|(?P<quote>")|{_OPENING}', re.DOTALL),
    "expression": re.compile(
        rf"""
          (?P<skipped>\#[^\n]*+ | //[^\n]*+ | /\*(?:.*?\*/|.*+)
            | <<-?(?P<marker>{_NAME})\r?\n(?:.*?^[ \t]*+(?P=marker)\b|.*+))
        | (?P<quote>")
        | (?P<brace>\{{)
        | (?P<close>\}})
        | (?P<reference>(?<![\w.\]-]){_NAME}(?:\.{_NAME})++)
        """,
        re.VERBOSE | re.DOTALL | re.MULTILINE,
    ),
}
# What a token inside of this mode opens; the quote of a string closes it as well.
_OPENS = {"open": "expression", "brace": "expression", "quote": "quoted"}


@dataclass(frozen=True)
class Segment:
    """A part of a template: literal text, or a ``${…}`` or ``%{…}`` with what is around it."""

    text: str
    is_expression: bool


def segments(template: str) -> list[Segment]:
    """Splits a template; what is escaped (``$${``) stays so, as part of the text.

    Raises :class:`ConfigurationError` where an expression is not closed.
    """
    found: list[Segment] = []
    start = 0
    for opened, closed in _expressions(template):
        if opened > start:
            found.append(Segment(template[start:opened], is_expression=False))
        found.append(Segment(template[opened:closed], is_expression=True))
        start = closed
    if start < len(template):
        found.append(Segment(template[start:], is_expression=False))
    return found


def _expressions(template: str) -> Iterator[tuple[int, int]]:
    """Yields where each outermost expression begins and ends."""
    opened = 0
    for match, depth in _tokens(template, ["template"]):
        if match.lastgroup == "open" and depth == 2:
            opened = match.start()
        elif match.lastgroup == "close" and depth == 1:
            yield opened, match.end()


def end_of_string(text: str, start: int) -> int:
    """Returns where the quoted string ends that begins at ``start``, behind its closing quote.

    Raises :class:`ConfigurationError` where it is not closed.
    """
    for match, depth in _tokens(text, ["expression"], start):
        if depth == 1:
            return match.end()
    raise ConfigurationError(f"{_cut(text[start:])} holds a string that is not closed.")


def _tokens(text: str, modes: list[str], position: int = 0) -> Iterator[tuple[re.Match[str], int]]:
    """Yields the tokens and how deep they lead; ``modes`` is what is open, the innermost last."""
    lowest = len(modes)
    while match := _TOKENS[modes[-1]].search(text, position):
        position = match.end()
        kind = match.lastgroup or ""
        if kind == "close" or (kind == "quote" and modes[-1] == "quoted"):
            if len(modes) == lowest:
                raise ConfigurationError(f"{_cut(text)} closes what it has not opened.")
            modes.pop()
        elif kind in _OPENS:
            modes.append(_OPENS[kind])
        yield match, len(modes)
    if len(modes) > lowest:
        raise ConfigurationError(f"{_cut(text)} holds an expression that is not closed.")


def references(text: str, *, bare: bool = False) -> set[str]:
    """Returns what the expressions of a template refer to, such as ``var.a`` or ``data.x.y.id``.

    With ``bare`` the text is an expression itself. What cannot be read refers to nothing.
    """
    try:
        tokens = list(_tokens(text, ["expression" if bare else "template"]))
    except ConfigurationError:
        return set()
    return {match["reference"] for match, _ in tokens if match.lastgroup == "reference"}


def _cut(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}…")
