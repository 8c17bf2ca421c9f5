"""What a client sends: its key, and the request that the key stands for."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

from iacplatform.common.errors import InvalidInput

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
_VISIBLE = re.compile(r"[\x21-\x7e]+")


def key_of(request: Request) -> str | None:
    """The request's key, with or without the quotes of a structured field (RFC 8941, 3.3.3).

    ``None`` where it has none; raises ``InvalidInput`` for one that is empty, too long or not visible ASCII.
    """
    value = request.headers.get(HEADER)
    if value is None:
        return None
    key = value.strip().removeprefix('"').removesuffix('"')
    if len(key) > MAX_LENGTH or not _VISIBLE.fullmatch(key):
        raise InvalidInput(HEADER, f"must be 1 to {MAX_LENGTH} visible ASCII characters")
    return key


def fingerprint_of(request: Request) -> str:
    """What tells one request from another: method, address and body, as a keyed digest (hex).

    Keyed, because a body may hold a secret that is short enough to be guessed.
    """
    seen = "\n".join([str(request.method), request.get_full_path(), *_members(request.data)])
    return salted_hmac("iacplatform.idempotency", seen, algorithm="sha256").hexdigest()


def _members(body: Any) -> Iterator[str]:
    """The body as text; of a file its digest."""
    if not isinstance(body, dict):
        yield json.dumps(body, sort_keys=True)
        return
    for name in sorted(body):
        values = body.getlist(name) if hasattr(body, "getlist") else [body[name]]
        yield json.dumps([name, [_plain(value) for value in values]], sort_keys=True)


def _plain(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    digest = sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return digest.hexdigest()
