"""Delivering what is due: claim an entry, call its deliverer with nothing held, write what came of it."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models.functions import Now

from iacplatform.common.models import OutboxEntry, OutboxStatus
from iacplatform.common.outbound import OutboundFailed, OutboundRefused
from iacplatform.common.outbox.claims import Claim, claim_next
from iacplatform.common.outbox.deliverers import (
    Delivery,
    GiveUp,
    RetryLater,
    deliverer,
)
from iacplatform.common.outbox.hint import hint
from iacplatform.common.retry import retry_transaction

# After so long a slot is given back, so that other queues of the worker have their turn.
TURN_SECONDS = 1.0
DATABASE_SECONDS = 20.0
LONGEST_WAIT_SECONDS = 24 * 3600.0
LAST_ERROR_CHARACTERS = 2000
WORKERS_DIED = "The worker died or lost its database during each attempt"
Ending = Callable[[], None]
logger = structlog.get_logger(__name__)


def deliver_due() -> None:
    """Delivers one entry after another until none is due or the turn is over.

    Correct however many do this at once. Whoever finds an entry wakes another, so that one hint is
    enough to set all slots to work.
    """
    turn_ends = time.monotonic() + TURN_SECONDS
    claim = _claim_next()
    if claim is None:
        return
    hint()
    while claim is not None:
        _attempt(claim)
        if time.monotonic() > turn_ends:
            hint()
            return
        claim = _claim_next()


def _claim_next() -> Claim | None:
    return retry_transaction(claim_next, seconds=DATABASE_SECONDS)


def _attempt(claim: Claim) -> None:
    entry = retry_transaction(
        lambda: OutboxEntry.objects.get(pk=claim.entry_id), seconds=DATABASE_SECONDS
    )
    # Nothing of the database is held while somebody else takes their time.
    connection.close()
    with structlog.contextvars.bound_contextvars(kind=entry.kind, key=entry.key):
        end = _try(entry, claim)
        retry_transaction(end, seconds=DATABASE_SECONDS)


def _try(entry: OutboxEntry, claim: Claim) -> Ending:
    """Makes the attempt; returns the transaction that writes what came of it."""
    delivery = Delivery(
        kind=entry.kind,
        key=entry.key,
        destination=entry.destination,
        payload=entry.payload,
        attempt=claim.attempt,
        max_attempts=entry.max_attempts,
    )
    if claim.attempt > entry.max_attempts:
        return partial(_bury, claim, delivery, WORKERS_DIED)
    try:
        deliverer(entry.kind).deliver(delivery)
    except (GiveUp, OutboundRefused) as refusal:
        return partial(_bury, claim, delivery, str(refusal))
    except Exception as failure:  # noqa: BLE001  whatever it is, the entry is tried again
        return _failed(failure, entry, claim, delivery)
    return partial(_delivered, claim)


def _failed(failure: Exception, entry: OutboxEntry, claim: Claim, delivery: Delivery) -> Ending:
    reason = _reason(failure)
    if claim.attempt == entry.max_attempts:
        return partial(_bury, claim, delivery, reason)
    wait = failure.after if isinstance(failure, RetryLater) else None
    if wait is None:
        wait = entry.waits[min(claim.attempt, len(entry.waits)) - 1]
    return partial(_postpone, claim, reason, min(max(wait, 0.0), LONGEST_WAIT_SECONDS))


def _reason(failure: Exception) -> str:
    """What an operator reads; an error that nobody foresaw is told by the log, its text may be secret."""
    if isinstance(failure, RetryLater | OutboundFailed):
        return str(failure)
    logger.error("outbox_deliverer_broke", exc_info=failure)
    return f"The deliverer broke: {type(failure).__name__}"


def _delivered(claim: Claim) -> None:
    _end(
        claim,
        status=OutboxStatus.DELIVERED,
        delivered_at=Now(),
        payload=None,
        last_error="",
    )


def _postpone(claim: Claim, reason: str, seconds: float) -> None:
    due = Now() + timedelta(seconds=seconds)
    if _end(claim, status=OutboxStatus.PENDING, next_attempt_at=due, last_error=_fit(reason)):
        logger.info("outbox_postponed", reason=reason, attempt=claim.attempt, seconds=seconds)


@transaction.atomic
def _bury(claim: Claim, delivery: Delivery, reason: str) -> None:
    if not _end(claim, status=OutboxStatus.DEAD, last_error=_fit(reason)):
        return
    logger.warning("outbox_entry_died", reason=reason, attempt=claim.attempt)
    on_dead = deliverer(delivery.kind).on_dead
    if on_dead is not None:
        on_dead(delivery, reason)


def _end(claim: Claim, **changes: Any) -> bool:
    """Ends the attempt, unless its lease has ended first and somebody else has the entry."""
    mine = OutboxEntry.objects.filter(
        pk=claim.entry_id, token=claim.token, status=OutboxStatus.DELIVERING
    )
    if mine.update(**changes):
        return True
    logger.warning("outbox_claim_lost", attempt=claim.attempt)
    return False


def _fit(reason: str) -> str:
    """As much of a reason as is stored; PostgreSQL has no NUL in texts."""
    return reason.replace("\0", "\N{REPLACEMENT CHARACTER}")[:LAST_ERROR_CHARACTERS]
