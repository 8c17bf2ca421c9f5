"""Custom headers of webhooks: which may be set, and how they are shown."""

import re

from iacplatform.common.errors import InvalidInput
from iacplatform.common.outbound.client import OUR_HEADERS

Headers = dict[str, str]
MASK = "***"
MOST_HEADERS = 20
MOST_NAME_CHARACTERS = 100
MOST_VALUE_CHARACTERS = 2000
# RFC 9110 §5.1 and §5.5, without what few servers agree on: characters beyond ASCII, spaces at the ends.
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[!-~]([ \t!-~]*[!-~])?")
RESERVED = OUR_HEADERS | {"content-type", "user-agent"}
RESERVED_PREFIX = "x-iac-"
# What is sent anyway may be said.
REDUNDANT = ("content-type", "application/json")


def checked_headers(given: Headers, stored: Headers) -> Headers:
    """The headers that are to be stored; a mask as a value stands for the value that is there.

    Raises ``InvalidInput`` for ``custom_headers``.
    """
    headers = {
        name: stored.get(name, value) if value == MASK else value
        for name, value in given.items()
        if (name.lower(), value.lower()) != REDUNDANT
    }
    problem = _problem(headers)
    if problem:
        raise InvalidInput("custom_headers", problem)
    return headers


def masked_headers(headers: Headers) -> Headers:
    """The names, and that there are values."""
    return dict.fromkeys(headers, MASK)


def keeps_values(given: Headers, stored: Headers) -> bool:
    """Whether a mask among the given values stands for one that is there."""
    return any(value == MASK and name in stored for name, value in given.items())


def _problem(headers: Headers) -> str:
    if len(headers) > MOST_HEADERS:
        return f"at most {MOST_HEADERS} headers can be set"
    if len({name.lower() for name in headers}) < len(headers):
        return "a header is named twice"
    return next(filter(None, (_problem_of(name, value) for name, value in headers.items())), "")


def _problem_of(name: str, value: str) -> str:
    if len(name) > MOST_NAME_CHARACTERS or not NAME.fullmatch(name):
        return f"{name[:MOST_NAME_CHARACTERS]!r} is no name of a header"
    if name.lower() in RESERVED or name.lower().startswith(RESERVED_PREFIX):
        return f"the header {name} is set by the platform"
    if len(value) > MOST_VALUE_CHARACTERS or not VALUE.fullmatch(value):
        return f"the value of {name} cannot be sent: give visible ASCII characters, one at least"
    return ""
