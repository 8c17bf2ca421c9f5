"""Doing it once: the effect and the answer to it are one transaction.

The row of a key is written in the transaction of the work itself. So a process that dies at any moment
leaves both or neither: what was committed is answered again from the row, what was not never happened.
That a request is being worked on is a lock of its transaction, which ends with it, however it ends.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from iacplatform.common.idempotency.errors import AnswerNotKept, KeyReused, StillInProgress
from iacplatform.common.idempotency.keys import fingerprint_of
from iacplatform.common.models import IdempotentRequest

REPLAYED = "Idempotency-Replayed"
# What a view may have said beside the body.
KEPT_HEADERS = ("Cache-Control", "ETag", "Location")


def answer_once(request: Request, key: str, act: Callable[[], Response]) -> Response:
    """The answer of ``act``, or of an earlier request of the user with this key, which is not done again.

    Only success is kept: after a refusal nothing has happened, and the same key may try again.

    Raises:
        StillInProgress: the earlier request has not been answered yet.
        KeyReused: the earlier request was another one.
        AnswerNotKept: it succeeded, and its answer was not to be stored.
    """
    fingerprint, user_id = fingerprint_of(request), request.user.pk
    assert user_id is not None  # noqa: S101  # only who is signed in has keys
    with transaction.atomic():
        _claim(user_id, key)
        earlier = _earlier(user_id, key)
        if earlier is not None:
            return _replay(earlier, fingerprint)
        response = act()
        if response.status_code >= 400:
            transaction.set_rollback(True)
        else:
            _keep(user_id, key, fingerprint, response)
        return response


def _claim(user_id: int, key: str) -> None:
    """Takes the key for the length of the transaction."""
    name = salted_hmac("iacplatform.idempotency.lock", f"{user_id}:{key}", algorithm="sha256")
    number = int.from_bytes(name.digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    if not (row and row[0]):
        raise StillInProgress("A request with this key is being worked on")


def _earlier(user_id: int, key: str) -> IdempotentRequest | None:
    rows = IdempotentRequest.objects.filter(user_id=user_id, key=key)
    found = rows.filter(created_at__gt=_limit()).first()
    if found is None:
        rows.delete()  # one that is only not pruned yet
    return found


def _replay(earlier: IdempotentRequest, fingerprint: str) -> Response:
    if earlier.fingerprint != fingerprint:
        raise KeyReused("This key was sent with another request before")
    if earlier.body is None:
        raise AnswerNotKept("It was done already; its answer held a secret and was not kept")
    headers = {**earlier.headers, REPLAYED: "true"}
    return Response(json.loads(earlier.body), status=earlier.status, headers=headers)


def _keep(user_id: int, key: str, fingerprint: str, response: Response) -> None:
    secret = "no-store" in response.headers.get("Cache-Control", "")
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    IdempotentRequest.objects.create(
        user_id=user_id,
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        headers=kept,
        body=None if secret else _rendered(response.data),
    )


def _rendered(data: Any) -> bytes:
    return JSONRenderer().render(data) or b"null"


def _limit() -> Any:
    return Now() - timedelta(hours=settings.IDEMPOTENCY_KEEP_HOURS)


def prune() -> int:
    """Forgets the keys that are older than ``IDEMPOTENCY_KEEP_HOURS``; returns how many."""
    deleted, _ = IdempotentRequest.objects.filter(created_at__lte=_limit()).delete()
    return deleted
