"""JSONPath as users write it (RFC 9535), without what could take for ever."""

from functools import lru_cache
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError

REGULAR_EXPRESSIONS = ("match", "search")
MAX_DESCENTS = 1
"""Of ``..`` in a path: each further one multiplies the work."""


class PathError(Exception):
    """The text is no path that can be used; the sentence says why."""


def _environment() -> JSONPathEnvironment:
    environment = JSONPathEnvironment(strict=True)
    for name in REGULAR_EXPRESSIONS:
        del environment.function_extensions[name]
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=256)
def compile_path(text: str) -> JSONPath:
    """The path; a text without ``$`` is one from the root: ``metadata.name`` is ``$.metadata.name``.

    Raises :class:`PathError`.
    """
    path = text if text.startswith("$") else f"$.{text}"
    try:
        compiled = _ENVIRONMENT.compile(path)
    except JSONPathError as error:
        raise PathError(f"{text!r} is no JSONPath: {error.args[0]}") from None
    if not isinstance(compiled, JSONPath):
        raise PathError(f"{text!r} is more than one JSONPath")
    if path.count("..") > MAX_DESCENTS:
        raise PathError(f"{text!r} has '..' more than once")
    return compiled


def find_all(text: str, document: Any) -> list[Any]:
    """Everything in a document that the path leads to; raises :class:`PathError`."""
    try:
        return list(compile_path(text).findall(document))
    except (JSONPathError, RecursionError):
        raise PathError(f"{text!r} cannot be followed in what was answered") from None


def find_first(text: str, document: Any) -> Any:
    """The first of it, ``None`` where there is none; raises :class:`PathError`."""
    return next(iter(find_all(text, document)), None)
