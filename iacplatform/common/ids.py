"""Semantic ids: a prefix that says what it is, and a random lower-case suffix (reference §1)."""

import secrets
import string

ALPHABET = string.ascii_lowercase + string.digits


def new_id(prefix: str, length: int = 16) -> str:
    """Returns ``{prefix}-{length random characters of [a-z0-9]}``, e.g. ``ws-4fz0…``."""
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(length))}"
