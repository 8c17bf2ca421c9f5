"""The outbox: effects on others, written in the transaction that causes them, delivered at least once.

See docs/explanation/outbox.md.
"""

from iacplatform.common.outbox.deliverers import Delivery, GiveUp, RetryLater
from iacplatform.common.outbox.entries import draft, enqueue, enqueue_all, replay

__all__ = ["Delivery", "GiveUp", "RetryLater", "draft", "enqueue", "enqueue_all", "replay"]
