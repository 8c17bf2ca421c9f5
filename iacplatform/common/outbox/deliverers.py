"""What delivers entries: one or two functions a kind, named in ``settings.OUTBOX_DELIVERERS``.

``{"shop.order": {"deliver": "shop.orders.send", "on_dead": "shop.orders.give_up"}}``
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True)
class Delivery:
    """One attempt at an entry, the ``attempt``-th of ``max_attempts``.

    ``key`` stays the same over all attempts: send it along, so that the receiver can tell that it has
    seen this before.
    """

    kind: str
    key: str
    destination: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int


class RetryLater(Exception):
    """Not now: tried again ``after`` seconds, or after the entry's own wait. Shown to operators."""

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class GiveUp(Exception):
    """Never: the entry dies at once. The reason is shown to operators."""


@dataclass(frozen=True)
class Deliverer:
    """What knows how to deliver the entries of a kind.

    ``deliver`` returns when the entry is delivered, and raises :class:`RetryLater`, :class:`GiveUp`, or
    what :func:`iacplatform.common.outbound.send` raised; anything else is tried again too. It has
    ``settings.OUTBOX_LEASE_SECONDS``. No transaction is open and no row is locked while it runs; when
    it has read rows it should close ``django.db.connection`` before it waits for somebody else.

    ``on_dead`` is told of an entry that died, and why. It runs in the transaction that marks the entry:
    it writes rows and waits for nothing.
    """

    deliver: Callable[[Delivery], None]
    on_dead: Callable[[Delivery, str], None] | None


def deliverer(kind: str) -> Deliverer:
    """The deliverer of ``kind``; raises ``KeyError`` for a kind that is not configured."""
    paths = settings.OUTBOX_DELIVERERS[kind]
    on_dead = paths.get("on_dead")
    return Deliverer(import_string(paths["deliver"]), import_string(on_dead) if on_dead else None)
