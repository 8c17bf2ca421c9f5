"""Putting entries into the outbox, and dead ones back into it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypedDict, Unpack

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from iacplatform.common.errors import Conflict
from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.common.outbox.hint import hint_after_commit

MAX_ATTEMPTS = 8
# Seconds; eight attempts are spread over three quarters of an hour.
WAITS = (5.0, 30.0, 120.0, 300.0, 600.0)
logger = structlog.get_logger(__name__)


class Options(TypedDict, total=False):
    """How an entry is delivered.

    At most ``settings.OUTBOX_DESTINATION_CONCURRENCY`` entries of one ``destination`` are delivered at
    once, and entries of one ``ordering`` one after another in the order of their ids; empty means no
    such bound. ``waits`` are the seconds after each failed attempt, the last one repeats.
    """

    destination: str
    ordering: str
    max_attempts: int
    waits: Sequence[float]


def enqueue(
    kind: str, *, key: str, payload: dict[str, Any], **options: Unpack[Options]
) -> OutboxEntry:
    """Writes an entry in the caller's transaction; one of the same ``key`` is returned as it is.

    Raises ``KeyError`` for a kind that nobody delivers, ``ValueError`` where there are no waits.
    """
    values = _values(kind, payload, **options)
    with transaction.atomic():
        entry, created = OutboxEntry.objects.get_or_create(key=key, defaults=values)
        if created:
            hint_after_commit()
    return entry


def draft(
    kind: str, *, key: str, payload: dict[str, Any], **options: Unpack[Options]
) -> OutboxEntry:
    """An entry for :func:`enqueue_all`; raises as :func:`enqueue`."""
    return OutboxEntry(key=key, **_values(kind, payload, **options))


def enqueue_all(drafts: Sequence[OutboxEntry]) -> None:
    """Writes many entries by one statement, in their order; those whose key is there stay as they are."""
    with transaction.atomic():
        OutboxEntry.objects.bulk_create(drafts, ignore_conflicts=True)
        hint_after_commit()


def _values(
    kind: str,
    payload: dict[str, Any],
    destination: str = "",
    ordering: str = "",
    max_attempts: int = MAX_ATTEMPTS,
    waits: Sequence[float] = WAITS,
) -> dict[str, Any]:
    if kind not in settings.OUTBOX_DELIVERERS:
        raise KeyError(kind)
    if not waits and max_attempts > 1:
        raise ValueError("waits must not be empty where there may be a second attempt")
    return {
        "kind": kind,
        "payload": payload,
        "destination": destination,
        "ordering": ordering,
        "max_attempts": max_attempts,
        "waits": list(waits),
    }


@transaction.atomic
def replay(entry: OutboxEntry) -> None:
    """Gives a dead entry all its attempts again, at once; raises :class:`Conflict` for any other."""
    dead = OutboxEntry.objects.filter(pk=entry.pk, status=OutboxStatus.DEAD)
    replayed = dead.update(
        status=OutboxStatus.PENDING, attempts=0, token=None, next_attempt_at=Now()
    )
    if not replayed:
        raise Conflict("Only a dead entry can be replayed")
    logger.info("outbox_replayed", key=entry.key, kind=entry.kind)
    hint_after_commit()


def prune() -> int:
    """Deletes entries that were delivered ``OUTBOX_KEEP_DAYS`` ago; returns how many."""
    limit = Now() - timedelta(days=settings.OUTBOX_KEEP_DAYS)
    old = OutboxEntry.objects.filter(status=OutboxStatus.DELIVERED, delivered_at__lt=limit)
    deleted, _ = old.delete()
    return deleted
