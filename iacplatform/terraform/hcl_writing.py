"""Bodies of Terraform's JSON syntax written as HCL, for people to take along.

JSON does not say whether an object is a nested block or a map, for the engine asks the provider's schema. Here
blocks are what the language itself defines as such (``lifecycle``, ``dynamic`` …), what ``nested`` names (see
:mod:`iacplatform.terraform.nested_blocks`), and, where that says nothing, a list of objects in a resource, a data
source or a provider; any other object is a map.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from textwrap import dedent
from typing import Any

from iacplatform.terraform.blocks import LABELS, labelled, objects
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl import is_identifier, quote_literal
from iacplatform.terraform.hcl_words import BARE, BLOCKS, GUESSED, UNLABELLED, USUALLY_BLOCKS
from iacplatform.terraform.nested_blocks import Nested
from iacplatform.terraform.templates import Segment, segments

_INDENT = "  "
_COMMENT = "//"
_KEYWORDS = frozenset({"for", "if", "in", "true", "false", "null", "else", "endif", "endfor"})


@dataclass(frozen=True)
class _Where:
    """What kind of block one is in, and what is known of its nested blocks."""

    kind: str
    nested: Nested | None = None


def write_hcl(body: dict[str, Any], nested: Mapping[str, Nested] | None = None) -> str:
    """Returns the blocks of a body as HCL, formatted as ``terraform fmt`` does for the most part.

    ``nested`` tells the nested blocks of resources by their addresses. Raises :class:`ConfigurationError`
    naming what HCL has no way to write.
    """
    known = nested or {}
    blocks = []
    for kind, value in body.items():
        if kind == _COMMENT:
            continue
        labels = 0 if kind in UNLABELLED else LABELS.get(kind, 1)
        for names, content in _labelled(value, labels, kind):
            where = _Where(kind, known.get(_address(kind, names)))
            blocks.append("\n".join(_block([kind, *map(quote_literal, names)], content, where)))
    return "\n\n".join(blocks) + ("\n" if blocks else "")


def _address(kind: str, names: tuple[str, ...]) -> str:
    return ".".join(["data", *names] if kind == "data" else names)


def _labelled(
    value: Any, labels: int, kind: str
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if labels == 0:
        yield from (((), content) for content in objects(value, kind))
        return
    for names, leaf in labelled(value, labels, kind):
        address = ".".join([kind, *names])
        yield from ((names, content) for content in objects(leaf, address))


def _block(head: list[str], content: dict[str, Any], where: _Where) -> list[str]:
    lines = list(_content(content, where))
    if not lines:
        return [f"{' '.join(head)} {{}}"]
    return [f"{' '.join(head)} {{", *_indented(lines), "}"]


def _content(content: dict[str, Any], where: _Where) -> Iterator[str]:
    """Attributes first, each in its line, then blocks with an empty line before each."""
    attributes: list[tuple[str, list[str]]] = []
    later: list[list[str]] = []
    for name, value in content.items():
        if name == _COMMENT:
            continue
        if not is_identifier(name):
            raise ConfigurationError(f"{name!r} is no name for an attribute or a block.")
        labels = _labels(name, value, where)
        if labels is None:
            bare = name in BARE.get(where.kind, ())
            attributes.append((name, _expression(value, bare=bare)))
        else:
            later += _blocks(name, value, labels, where)
    yield from _assignments(attributes)
    for index, lines in enumerate(later):
        yield from ([""] if index or attributes else [])
        yield from lines


def _assignments(pairs: list[tuple[str, list[str]]]) -> Iterator[str]:
    """Lines of attributes; those of one line that follow each other have their signs below each other."""
    for single, group in groupby(pairs, key=lambda pair: len(pair[1]) == 1):
        run = list(group)
        width = max(len(name) for name, _ in run) if single else 0
        for name, (first, *rest) in run:
            yield f"{name:{width}} = {first}"
            yield from rest


def _labels(name: str, value: Any, where: _Where) -> int | None:
    """How many labels the blocks of this name have; ``None`` where it is an attribute."""
    if name in BLOCKS.get(where.kind, {}):
        return BLOCKS[where.kind][name]
    if not _are_objects(value):
        return None
    if where.nested is not None and name in where.nested:
        return None if where.nested[name] is None else 0
    if where.kind not in GUESSED or not value:
        return None
    return 0 if isinstance(value, list) or name in USUALLY_BLOCKS else None


def _are_objects(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(isinstance(item, dict) for item in items)


def _blocks(name: str, value: Any, labels: int, where: _Where) -> Iterator[list[str]]:
    kind = name if name in BLOCKS or name in BLOCKS.get(where.kind, {}) else "nested"
    inner = where.nested.get(name) if where.nested else None
    for names, content in _labelled(value, labels, name):
        below = _known(where, names[0]) if name == "dynamic" else inner
        if name == "content":
            below = where.nested
        yield _block([name, *map(quote_literal, names)], content, _Where(kind, below))


def _known(where: _Where, name: str) -> Nested | None:
    return where.nested.get(name) if where.nested else None


def _expression(value: Any, *, bare: bool = False) -> list[str]:
    """Returns the lines of an expression."""
    if isinstance(value, dict):
        members = [
            (_key(key, bare=bare), _expression(item, bare=bare)) for key, item in value.items()
        ]
        return _enclosed("{", "}", list(_assignments(members)))
    if isinstance(value, list):
        items = [_expression(item, bare=bare) for item in value]
        if all(len(item) == 1 and len(item[0]) < 60 for item in items) and len(items) < 8:
            return [f"[{', '.join(item[0] for item in items)}]"]
        lines = [line for item in items for line in (*item[:-1], f"{item[-1]},")]
        return _enclosed("[", "]", lines)
    if isinstance(value, str):
        return _lines(_bare(value)) if bare else write_template(value)
    return [_literal(value)]


def _key(key: str, *, bare: bool) -> str:
    if bare or (is_identifier(key) and key not in _KEYWORDS):
        return key
    return _quoted(segments(key))


def _enclosed(opening: str, closing: str, lines: list[str]) -> list[str]:
    return [opening, *_indented(lines), closing] if lines else [opening + closing]


def _indented(lines: list[str]) -> list[str]:
    """Indents lines; a string that goes over several, inside of its expressions, is one here."""
    return [f"{_INDENT}{line}" if line else line for line in lines]


def _literal(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def _bare(text: str) -> str:
    """An expression that JSON writes as a text, with or without ``${…}`` around it."""
    parts = segments(text)
    whole = len(parts) == 1 and parts[0].is_expression
    expression = text[2:-1] if whole else text
    if not is_expression_safe(expression):
        raise ConfigurationError(f"{text!r} cannot be written as an expression.")
    return expression.strip()


def write_template(text: str) -> list[str]:
    """Returns the lines of a text of JSON syntax as HCL: one expression without quotes, else a string.

    Raises :class:`ConfigurationError` where an expression in it is not closed.
    """
    parts = segments(text)
    if len(parts) == 1 and parts[0].is_expression and text.startswith("${"):
        expression = text[2:-1].strip()
        if expression and is_expression_safe(expression):
            return _lines(expression)
    return [_quoted(parts)]


def _lines(expression: str) -> list[str]:
    """Lines of a safe expression: where they begin means nothing, as none begins inside of a string."""
    first, _, rest = expression.partition("\n")
    return [first, *(dedent(rest).split("\n") if rest else [])]


def _quoted(parts: list[Segment]) -> str:
    return f'"{"".join(part.text if part.is_expression else quote_literal(part.text)[1:-1] for part in parts)}"'


_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_TOKEN = re.compile(r'"(?:[^"\\$%]|\\.|[$%](?!\{))*+"|[(\[{)\]}]|[\n#"~]|//|/\*|<<')


def is_expression_safe(text: str) -> bool:
    """Says whether a text stays one expression wherever it is put.

    What holds a comment, a heredoc, a template inside of a string, or a line end outside of brackets is not:
    it stays in quotes.
    """
    expected: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in _BRACKETS:
            expected.append(_BRACKETS[token])
        elif token in _BRACKETS.values():
            if not expected or expected.pop() != token:
                return False
        elif not (expected and token == "\n") and (token == '"' or not token.startswith('"')):
            return False
    return not expected
