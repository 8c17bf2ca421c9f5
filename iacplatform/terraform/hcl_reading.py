"""Blocks written in HCL turned into Terraform's JSON syntax, expressions kept as they are written.

The structure is read, expressions are not understood: what is no literal becomes ``"${…}"``.
Grammar: https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md
"""

import json
import re
import textwrap
from dataclasses import dataclass
from typing import Any

from iacplatform.terraform.blocks import LABELS
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl_words import BARE, UNLABELLED
from iacplatform.terraform.templates import end_of_string, segments

_NAME = r"[^\W\d][\w-]*+"
_SPACE = re.compile(r"(?:[ \t\r\n]++|\#[^\n]*+|//[^\n]*+|/\*.*?\*/)*+", re.DOTALL)
_SAME_LINE = re.compile(r"(?:[ \t\r]++|/\*(?:(?!\*/)[^\n])*+\*/)*+")
_IDENTIFIER = re.compile(_NAME)
_KEY = re.compile(rf"({_NAME}(?:\.{_NAME})*+|[0-9]++)[ \t]*+[=:](?!=)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_HEREDOC = re.compile(rf"<<(-?)({_NAME})\r?\n(.*?)^[ \t]*+\2(?=\s|\Z)", re.DOTALL | re.MULTILINE)
_STOPS = re.compile(r'"|\n|,|\#|//|/\*|<<(?=-?\w)|[(\[{]|[)\]}]')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_WITHOUT_BLOCKS = frozenset({"module", "locals", "variable", "output"})
MAX_DEPTH = 50


@dataclass
class _Cursor:
    """A text and how far it is read."""

    text: str
    at: int = 0
    depth: int = 0

    def skip(self, pattern: re.Pattern[str] = _SPACE) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def fail(self, problem: str) -> ConfigurationError:
        line = self.text.count("\n", 0, self.at) + 1
        return ConfigurationError(f"Line {line}: {problem}.")


class _NotLiteral(Exception):
    """What looks like a list or a map is part of a longer expression."""


def read_hcl(text: str) -> dict[str, Any]:
    """Returns the blocks of a configuration in JSON syntax.

    Raises :class:`ConfigurationError` naming the line that is not HCL, or what is defined twice.
    """
    cursor = _Cursor(text)
    body: dict[str, Any] = {}
    cursor.skip()
    while cursor.peek():
        kind = _identifier(cursor)
        labels = _block_labels(cursor)
        if len(labels) != (0 if kind in UNLABELLED else LABELS.get(kind, 1)):
            raise cursor.fail(f"a block of type {kind} has other labels")
        _add_block(cursor, body, [kind, *labels], _body(cursor, kind))
        cursor.skip()
    return body


def _add_block(
    cursor: _Cursor, into: dict[str, Any], path: list[str], content: dict[str, Any]
) -> None:
    if len(path) == 1:
        into.setdefault(path[0], []).append(content)
        return
    for part in path[:-1]:
        into = into.setdefault(part, {})
    if path[-1] in into:
        raise cursor.fail(f"{'.'.join(path)} is defined twice")
    into[path[-1]] = content


def _identifier(cursor: _Cursor) -> str:
    match = _IDENTIFIER.match(cursor.text, cursor.at)
    if match is None:
        raise cursor.fail("an attribute or a block is expected")
    cursor.at = match.end()
    return match[0]


def _block_labels(cursor: _Cursor) -> list[str]:
    """Reads the labels of a block and its opening brace."""
    labels: list[str] = []
    while True:
        cursor.skip(_SAME_LINE)
        if cursor.peek() == "{":
            cursor.at += 1
            return labels
        labels.append(_string(cursor) if cursor.peek() == '"' else _identifier(cursor))


def _body(cursor: _Cursor, kind: str) -> dict[str, Any]:
    """Reads what is in a block, with its closing brace."""
    cursor.depth += 1
    if cursor.depth > MAX_DEPTH:
        raise cursor.fail(f"blocks are nested deeper than {MAX_DEPTH} levels")
    content: dict[str, Any] = {}
    cursor.skip()
    while cursor.peek() != "}":
        name = _identifier(cursor)
        cursor.skip(_SAME_LINE)
        if cursor.peek() == "=":
            cursor.at += 1
            _add_attribute(cursor, content, kind, name)
        else:
            _add_nested(cursor, content, name)
        cursor.skip()
    cursor.at += 1
    cursor.depth -= 1
    return content


def _add_attribute(cursor: _Cursor, content: dict[str, Any], kind: str, name: str) -> None:
    if name in content:
        raise cursor.fail(f"{name} is set twice")
    cursor.skip(_SAME_LINE)
    start = cursor.at
    value = _value(cursor, lines=True)
    if name in BARE.get(kind, ()):
        value = _unwrapped(value)
    elif kind not in _WITHOUT_BLOCKS and value and _are_objects(value):
        # Else nobody could tell it from nested blocks any more.
        value = f"${{{cursor.text[start : cursor.at].strip()}}}"
    content[name] = value
    cursor.skip(_SAME_LINE)
    if cursor.peek() not in {"", "\n", "}", "#"} and cursor.text[cursor.at : cursor.at + 2] != "//":
        raise cursor.fail(f"the value of {name} goes on after its end")


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _add_nested(cursor: _Cursor, content: dict[str, Any], name: str) -> None:
    labels = _block_labels(cursor)
    blocks = content.setdefault(name, [])
    if not isinstance(blocks, list):
        raise cursor.fail(f"{name} is an attribute and a block")
    inner: dict[str, Any] = _body(cursor, name)
    for label in reversed(labels):
        inner = {label: inner}
    blocks.append(inner)


def _value(cursor: _Cursor, *, lines: bool) -> Any:
    """Reads an expression, which ends with its line where ``lines`` says so, else at a comma or bracket."""
    start = cursor.at
    try:
        value = _literal(cursor)
        cursor.skip(_SAME_LINE if lines else _SPACE)
        if _ends(cursor, lines=lines):
            return value
    except _NotLiteral:
        pass
    cursor.at = start
    return f"${{{_raw(cursor, lines=lines)}}}"


def _ends(cursor: _Cursor, *, lines: bool) -> bool:
    following = cursor.peek()
    comment = following == "#" or cursor.text[cursor.at : cursor.at + 2] == "//"
    return following in {"", ",", "}", "]", ")"} or (lines and (following == "\n" or comment))


def _literal(cursor: _Cursor) -> Any:
    """Reads a literal; raises :class:`_NotLiteral` where there is none."""
    first = cursor.peek()
    if first == '"':
        return _string(cursor)
    if first in {"[", "{"}:
        return _collection(cursor, first)
    if heredoc := _HEREDOC.match(cursor.text, cursor.at):
        cursor.at = heredoc.end()
        return textwrap.dedent(heredoc[3]) if heredoc[1] else heredoc[3]
    if number := _NUMBER.match(cursor.text, cursor.at):
        cursor.at = number.end()
        return json.loads(number[0])
    word = _IDENTIFIER.match(cursor.text, cursor.at)
    if word is None or word[0] not in _WORDS:
        raise _NotLiteral
    cursor.at = word.end()
    return _WORDS[word[0]]


def _string(cursor: _Cursor) -> str:
    """Reads a quoted string; its escapes are resolved, its templates kept."""
    end = end_of_string(cursor.text, cursor.at)
    inner = cursor.text[cursor.at + 1 : end - 1]
    cursor.at = end
    return "".join(
        part.text if part.is_expression else _ESCAPE.sub(_unescaped, part.text)
        for part in segments(inner)
    )


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code:
        number = int(code, 16)
        if number == 0 or number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise ConfigurationError(f"{match[0]} is no character.")
        return chr(number)
    if match[3] not in _ESCAPED:
        raise ConfigurationError(f"{match[0]} is no escape of HCL.")
    return _ESCAPED[match[3]]


def _collection(cursor: _Cursor, opening: str) -> Any:
    cursor.at += 1
    cursor.depth += 1
    cursor.skip()
    word = _IDENTIFIER.match(cursor.text, cursor.at)
    if cursor.depth > MAX_DEPTH or (
        word and word[0] == "for" and not _KEY.match(cursor.text, cursor.at)
    ):
        cursor.depth -= 1
        raise _NotLiteral
    try:
        return _list(cursor) if opening == "[" else _map(cursor)
    finally:
        cursor.depth -= 1


def _list(cursor: _Cursor) -> list[Any]:
    items = []
    while cursor.peek() != "]":
        items.append(_value(cursor, lines=False))
        cursor.skip()
        _separator(cursor, "]")
    cursor.at += 1
    return items


def _map(cursor: _Cursor) -> dict[str, Any]:
    members: dict[str, Any] = {}
    while cursor.peek() != "}":
        name = _key(cursor)
        cursor.skip()
        members[name] = _value(cursor, lines=True)
        cursor.skip()
        _separator(cursor, "}", required=False)
    cursor.at += 1
    return members


def _separator(cursor: _Cursor, closing: str, *, required: bool = True) -> None:
    if cursor.peek() == ",":
        cursor.at += 1
        cursor.skip()
    elif (required and cursor.peek() != closing) or not cursor.peek():
        raise _NotLiteral


def _key(cursor: _Cursor) -> str:
    """Reads a member's name and the sign behind it; an expression in parentheses becomes a template."""
    if match := _KEY.match(cursor.text, cursor.at):
        cursor.at = match.end()
        return match[1]
    if cursor.peek() == '"':
        name = _string(cursor)
    elif cursor.peek() == "(":
        cursor.at += 1
        name = f"${{{_raw(cursor, lines=False)}}}"
        cursor.at += 1
    else:
        raise _NotLiteral
    cursor.skip(_SAME_LINE)
    if cursor.peek() not in {"=", ":"}:
        raise _NotLiteral
    cursor.at += 1
    return name


def _raw(cursor: _Cursor, *, lines: bool) -> str:
    """Reads to the end of an expression without looking into it."""
    start, depth = cursor.at, 0
    while match := _STOPS.search(cursor.text, cursor.at):
        token = match[0]
        if depth == 0 and (token in {",", ")", "]", "}"} or (lines and token in {"\n", "#", "//"})):
            cursor.at = match.start()
            break
        cursor.at = _behind(cursor, match)
        depth += (token in {"(", "[", "{"}) - (token in {")", "]", "}"})
    else:
        cursor.at = len(cursor.text)
    if depth or not (raw := cursor.text[start : cursor.at].strip()):
        raise cursor.fail("an expression is missing or not closed")
    return raw


def _behind(cursor: _Cursor, match: re.Match[str]) -> int:
    """Where the thing ends that begins with a token: a string, a comment, a heredoc."""
    if match[0] == '"':
        return end_of_string(cursor.text, match.start())
    if match[0] in {"#", "//", "/*"}:
        comment = re.compile(r"/\*.*?\*/|[^\n]*+", re.DOTALL).match(cursor.text, match.start())
        return comment.end() if comment else match.end()
    if match[0] == "<<":
        heredoc = _HEREDOC.match(cursor.text, match.start())
        if heredoc is None:
            raise cursor.fail("a heredoc is not closed")
        return heredoc.end()
    return match.end()


def _unwrapped(value: Any) -> Any:
    """References as JSON syntax has them where the language takes nothing else: without ``${…}``."""
    if isinstance(value, str):
        return value[2:-1] if value.startswith("${") and value.endswith("}") else value
    if isinstance(value, list):
        return [_unwrapped(item) for item in value]
    if isinstance(value, dict):
        return {key: _unwrapped(item) for key, item in value.items()}
    return value
