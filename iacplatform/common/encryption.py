"""AES-256-GCM at rest with a list of keys: the first encrypts, all decrypt.

A sealed value is ``b"\\x01" + key id (8 bytes) + nonce (12) + flags (1) + ciphertext and tag``. The flags and
the key id are authenticated with the text. Values over :data:`COMPRESS_FROM` bytes are compressed
first: state and plan JSON shrink to a tenth.
"""

import base64
import hashlib
import os
import zlib
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

FORMAT = b"\x01"
KEY_ID_BYTES = 8
NONCE_BYTES = 12
HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES + 1
COMPRESSED = b"\x01"
PLAIN = b"\x00"
COMPRESS_FROM = 512


class DecryptionError(Exception):
    """The value was sealed with a key that is not in ``ENCRYPTION_KEYS``, or it was changed."""


@dataclass(frozen=True)
class Key:
    """An AES-256 key and the id that sealed values carry (the first bytes of its digest)."""

    key_id: bytes
    cipher: AESGCM


def parse_key(text: str) -> Key:
    """Reads a key of 32 bytes in URL-safe base64; raises ``ImproperlyConfigured`` otherwise."""
    try:
        raw = base64.urlsafe_b64decode(text)
    except ValueError as error:
        raise ImproperlyConfigured("ENCRYPTION_KEYS: a key is not URL-safe base64") from error
    if len(raw) != 32:
        raise ImproperlyConfigured("ENCRYPTION_KEYS: a key must have 32 bytes before base64")
    return Key(hashlib.sha256(raw).digest()[:KEY_ID_BYTES], AESGCM(raw))


@lru_cache(maxsize=4)
def _keyring(texts: tuple[str, ...]) -> tuple[Key, ...]:
    if not texts:
        raise ImproperlyConfigured("ENCRYPTION_KEYS must name at least one key")
    return tuple(parse_key(text) for text in texts)


def keyring() -> tuple[Key, ...]:
    """The configured keys, the one that encrypts first."""
    return _keyring(tuple(settings.ENCRYPTION_KEYS))


def seal(content: bytes) -> bytes:
    """Encrypts with the first key."""
    key = keyring()[0]
    flags, body = PLAIN, content
    if len(content) >= COMPRESS_FROM:
        flags, body = COMPRESSED, zlib.compress(content, level=1)
    nonce = os.urandom(NONCE_BYTES)
    header = FORMAT + key.key_id
    return header + nonce + flags + key.cipher.encrypt(nonce, body, header + flags)


def unseal(sealed: bytes) -> bytes:
    """Decrypts what :func:`seal` made with any configured key; raises :class:`DecryptionError`."""
    key = next((key for key in keyring() if key.key_id == _key_id(sealed)), None)
    if key is None:
        raise DecryptionError("the value was encrypted with a key that is not configured")
    header, nonce = sealed[: 1 + KEY_ID_BYTES], sealed[1 + KEY_ID_BYTES : HEADER_BYTES - 1]
    flags = sealed[HEADER_BYTES - 1 : HEADER_BYTES]
    try:
        body = key.cipher.decrypt(nonce, sealed[HEADER_BYTES:], header + flags)
    except InvalidTag as error:
        raise DecryptionError("the encrypted value is damaged") from error
    return zlib.decompress(body) if flags == COMPRESSED else body


def sealed_with_primary(sealed: bytes) -> bool:
    """Says whether a value needs no re-encryption."""
    return _key_id(sealed) == keyring()[0].key_id


def _key_id(sealed: bytes) -> bytes:
    if len(sealed) < HEADER_BYTES or sealed[:1] != FORMAT:
        raise DecryptionError("the value is not an encrypted one")
    return bytes(sealed[1 : 1 + KEY_ID_BYTES])
