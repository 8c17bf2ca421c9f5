"""Signatures as receivers check them, written from RFC 2104 and the vendors' documents alone."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

BLOCK_BYTES = 64  # of SHA-256
LARK_MOST_SECONDS = 3600


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104: H(K xor opad, H(K xor ipad, text))."""
    if len(key) > BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    padded = key.ljust(BLOCK_BYTES, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


def is_signed_webhook(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Mission document 004: ``X-IaC-Signature: sha256=<hex>`` over the raw body."""
    expected = "sha256=" + hmac_sha256(secret.encode(), body).hex()
    return headers.get("X-IaC-Signature") == expected


def lark_code(payload: Mapping[str, Any], secret: str, now: float) -> int:
    """Lark's custom bot guide: what the bot answers; 19021 for a wrong signature, or one of an hour ago.

    Its string to sign is the time, a line feed and the secret; that is the *key* of an HMAC-SHA256 of
    nothing, in base64.
    """
    timestamp = payload["timestamp"]
    expected = base64.b64encode(hmac_sha256(f"{timestamp}\n{secret}".encode(), b"")).decode()
    is_fresh = abs(now - int(timestamp)) < LARK_MOST_SECONDS
    return 0 if is_fresh and payload["sign"] == expected else 19021
