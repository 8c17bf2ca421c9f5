"""Signatures of what we send, so that its receiver can tell who sent it (HMAC, RFC 2104)."""

import hmac
from typing import Literal

Algorithm = Literal["sha256", "sha512"]


def hmac_hex(key: str, body: bytes, algorithm: Algorithm) -> str:
    """The HMAC of the raw ``body`` in lower-case hexadecimal, as HCP Terraform sends it."""
    return hmac.digest(key.encode(), body, algorithm).hex()


def prefixed_signature(key: str, body: bytes, algorithm: Algorithm) -> str:
    """``sha512=<hex>`` or ``sha256=<hex>``, as the mission's run tasks and notifications send it."""
    return f"{algorithm}={hmac_hex(key, body, algorithm)}"


def signature_matches(header: str, key: str, body: bytes, algorithm: Algorithm) -> bool:
    """Whether a header of either form signs ``body``; takes as long whatever it says."""
    given = header.removeprefix(f"{algorithm}=").encode()
    return hmac.compare_digest(given, hmac_hex(key, body, algorithm).encode())
