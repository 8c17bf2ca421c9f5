"""The little HCL that is written here: identifiers, string literals and lines of ``.tfvars``.

Grammar: https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md
"""

import re
from typing import Literal

from iacplatform.terraform.exceptions import ConfigurationError

ValueFormat = Literal["string", "hcl"]

_LITERAL = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TEMPLATE = re.compile(r"([$%])(?=\{)")
_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_BRACKETS = {"{": "}", "[": "]", "(": ")"}
_TOKEN = re.compile(
    r"""
      (?P<string>"(?:[^"\\\n\r$%] | \\[^\n\r] | \$\$\{ | %%\{ | \$++(?!\{) | %++(?!\{))*+")
    | (?P<comment>\#|//|/\*)
    | (?P<heredoc><<)
    | (?P<open>[{\[(])
    | (?P<close>[}\])])
    | (?P<quote>")
    | (?P<other>[^"\#/<{\[(}\])]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REFUSED = {
    "comment": "has a comment; comments are not allowed in a value",
    "heredoc": "has a heredoc (<<); write a quoted string instead",
    "quote": "has a string that does not end on its line or holds a template; write $${ for ${",
}


def is_identifier(name: str) -> bool:
    """Says whether ``name`` may name a variable, an output, a module or a local."""
    return not name.startswith("-") and name.replace("-", "_").isidentifier()


def escape_template(text: str) -> str:
    """Returns ``text`` so that Terraform's JSON syntax takes it literally, not as a template."""
    return _TEMPLATE.sub(r"\1\1", text)


def quote(text: str) -> str:
    """Returns ``text`` as an HCL string literal, written as Terraform itself prints one."""
    return quote_literal(escape_template(text))


def quote_literal(text: str) -> str:
    """Returns a text in quotes, in which ``${`` stands for what it stands for in ``text``."""
    return f'"{"".join(map(_escape, text))}"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def tfvars_line(key: str, value: str, value_format: ValueFormat) -> str:
    """Returns the assignment of a variable, without a line end (reference §5.3).

    A value in ``hcl`` format is written as it is when it is an object, a list, a number, a boolean
    or null, and quoted otherwise. Raises :class:`ConfigurationError` naming the variable when its
    key is not an identifier or the value is not one complete expression.
    """
    if not is_identifier(key):
        raise ConfigurationError(f"Variable {key!r}: the key is not a valid Terraform name.")
    return f"{key} = {_expression(key, value.strip()) if value_format == 'hcl' else quote(value)}"


def _expression(key: str, value: str) -> str:
    if value.startswith(("{", "[")):
        _check_complete(key, value)
        return value
    return value if _LITERAL.fullmatch(value) else quote(value)


def _check_complete(key: str, value: str) -> None:
    """Walks over the tokens: only the last one may close the first bracket."""
    expected: list[str] = []
    for token in _TOKEN.finditer(value):
        kind = token.lastgroup or ""
        if token.start() and not expected:
            raise ConfigurationError(f"Variable {key!r}: the value goes on after it is closed.")
        if kind in _REFUSED:
            raise ConfigurationError(f"Variable {key!r}: the value {_REFUSED[kind]}.")
        if kind == "open":
            expected.append(_BRACKETS[token.group()])
        elif kind == "close" and expected.pop() != token.group():
            raise ConfigurationError(f"Variable {key!r}: {token.group()} closes another bracket.")
    if expected:
        raise ConfigurationError(f"Variable {key!r}: the value lacks a closing {expected[-1]}.")
