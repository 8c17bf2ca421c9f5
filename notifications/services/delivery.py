"""Delivering messages: what the outbox calls, with neither a lock nor a transaction held.

An attempt writes its outcome into the message's log before the outbox closes the entry. So a worker that
dies in between leaves an entry that is tried again, finds the message accepted, and sends nothing.
"""

from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from iacplatform.common.outbox import Delivery, GiveUp, RetryLater
from iacplatform.common.retry import retry_transaction
from notifications.destinations import Answer, Outgoing, destination_of
from notifications.models import LogStatus, NotificationConfig, NotificationLog
from notifications.models.log import RESPONSE_CHARACTERS

DATABASE_SECONDS = 20.0
# What `Retry-After` may ask for: a receiver that says "next year" must not keep a message for ever.
SHORTEST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 3600.0


def deliver(delivery: Delivery) -> None:
    """Sends a message with its notification as it is now, unless it was accepted already.

    Raises ``RetryLater`` where it was not accepted, and ``GiveUp`` where it never will be.
    """
    rows = NotificationLog.objects.select_related("notification")
    log = rows.filter(delivery_key=delivery.key).first()
    if log is None or log.status == LogStatus.SUCCESS:
        return
    config = _usable(log)
    _begin(log, delivery)
    connection.close()  # none is kept while the receiver takes its time
    outgoing = Outgoing(log.log_id, log.event, log.request_payload)
    answer = destination_of(config).deliver(config, outgoing, timeout=config.timeout_seconds)
    wait = _wait(answer, config)
    retry_transaction(partial(_note, log, answer, delivery, wait), seconds=DATABASE_SECONDS)
    if answer.hopeless:
        raise GiveUp(answer.problem)
    if answer.problem:
        raise RetryLater(answer.problem, after=wait)


def _usable(log: NotificationLog) -> NotificationConfig:
    if log.notification is None:
        raise GiveUp("The notification was deleted before the message was delivered")
    if not log.notification.enabled:
        raise GiveUp("The notification was disabled before the message was delivered")
    return log.notification


def _begin(log: NotificationLog, delivery: Delivery) -> None:
    NotificationLog.objects.filter(pk=log.pk).update(
        status=LogStatus.SENDING,
        retry_count=delivery.attempt - 1,
        sent_at=Now(),
        next_retry_at=None,
        completed_at=None,
    )


def _wait(answer: Answer, config: NotificationConfig) -> float:
    if answer.retry_after is None:
        return config.retry_interval_seconds
    return min(max(answer.retry_after, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)


def _note(log: NotificationLog, answer: Answer, delivery: Delivery, wait: float) -> None:
    """Writes what came of an attempt, unless a later one has begun: this one's lease ended first."""
    outcome: dict[str, Any] = {"status": LogStatus.SUCCESS, "completed_at": Now()}
    if answer.problem:
        is_last = answer.hopeless or delivery.attempt >= delivery.max_attempts
        due = None if is_last else Now() + timedelta(seconds=wait)
        outcome = {"status": LogStatus.PENDING, "next_retry_at": due}
    mine = NotificationLog.objects.filter(pk=log.pk, retry_count=delivery.attempt - 1)
    mine.update(
        request_headers=answer.headers,
        response_status_code=answer.status,
        response_body=_fit(answer.body),
        error_message=_fit(answer.problem),
        **outcome,
    )


def _fit(text: str) -> str:
    """As much of what a receiver said as is kept; PostgreSQL has no NUL in texts."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:RESPONSE_CHARACTERS]


def give_up(delivery: Delivery, reason: str) -> None:
    """Ends the log of a message that nobody accepted; called in the transaction that marks its entry dead."""
    unsent = NotificationLog.objects.filter(delivery_key=delivery.key)
    unsent.exclude(status=LogStatus.SUCCESS).update(
        status=LogStatus.FAILED, error_message=_fit(reason), next_retry_at=None, completed_at=Now()
    )
