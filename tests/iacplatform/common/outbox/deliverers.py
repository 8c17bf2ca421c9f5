"""Deliverers as an app has them, over real HTTP."""

import json

from django.db import connection

from iacplatform.common.outbound import send
from iacplatform.common.outbox import Delivery, GiveUp, RetryLater, enqueue


def post(delivery: Delivery) -> None:
    """POSTs the payload to the address in it."""
    headers = {
        "Idempotency-Key": delivery.key,
        "X-Attempt": str(delivery.attempt),
        "X-Destination": delivery.destination,
    }
    body = json.dumps(delivery.payload).encode()
    response = send("POST", delivery.payload["url"], headers=headers, body=body)
    if response.status == 410:
        raise GiveUp("The receiver is gone")
    if response.status != 200:
        raise RetryLater(f"HTTP status {response.status}", after=response.retry_after)


def report_death(delivery: Delivery, reason: str) -> None:
    """Writes down, in the outbox, that a delivery died."""
    payload = {"key": delivery.key, "reason": reason} | delivery.payload
    enqueue("test.death", key=f"{delivery.key}:dead", payload=payload)


def break_down(delivery: Delivery) -> None:
    """Has a bug."""
    raise TypeError(f"no good: {delivery.payload['secret']}")


def fail_to_report(delivery: Delivery, reason: str) -> None:
    """Has a bug, too."""
    raise TypeError(f"{delivery.key}: {reason}")


seen: list[tuple[bool, bool]] = []


def look_around(_: Delivery) -> None:
    """Notes whether a connection or a transaction is open."""
    seen.append((connection.connection is not None, connection.in_atomic_block))
