"""Making what others wrote fit the database: PostgreSQL's texts, its index entries, reasonable sizes."""

import hashlib
import json
import math
from typing import Any

MAX_VALUE_CHARACTERS = 4096
"""Of an attribute's JSON; a larger one is left out, and its size is told instead."""
MAX_DEPTH = 32
# A B-tree takes 2,704 bytes an entry.
MAX_KEY_BYTES = 2400
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_CONTAINERS = (dict, list)


def clean(text: str) -> str:
    """``text`` as PostgreSQL takes it: without NUL and halves of surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode(errors="replace").decode().replace("\0", REPLACEMENT)


def fit(value: Any, length: int) -> str:
    """A text or number, cleaned and cut to so many characters; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return clean(str(value))[:length]


def fit_key(text: str) -> str:
    """``text`` cleaned, and one that is too long for an index cut, with a digest that keeps it unique."""
    cleaned = clean(text)
    encoded = cleaned.encode()
    if len(encoded) <= MAX_KEY_BYTES:
        return cleaned
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    return f"{encoded[: MAX_KEY_BYTES - 20].decode(errors='ignore')}…{digest}"


def fit_attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes cleaned; of those that are too large, only how large they are."""
    return {clean(name): _fit_value(value) for name, value in attributes.items()}


def _fit_value(value: Any) -> Any:
    if isinstance(value, str):
        cleaned: Any = clean(value)
        size = len(cleaned)
    elif isinstance(value, _CONTAINERS):
        cleaned = _clean(value, MAX_DEPTH)
        size = len(json.dumps(cleaned)) if value else 0
    else:
        return _clean(value, 0)
    return cleaned if size <= MAX_VALUE_CHARACTERS else f"({size:,} characters, left out)"


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if not isinstance(value, _CONTAINERS):
        return value
    if depth == 0:
        return "(nested too deeply, left out)"
    if isinstance(value, list):
        return [_clean(part, depth - 1) for part in value]
    return {clean(name): _clean(part, depth - 1) for name, part in value.items()}
