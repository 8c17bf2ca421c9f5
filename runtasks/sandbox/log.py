"""What came in, newest first, for the page that lists it."""

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runtasks.sandbox.endpoints import Endpoint
from runtasks.sandbox.webhook import Webhook

KEPT = 200


@dataclass
class Received:
    """A webhook, how it was answered, and what was called back."""

    path: str
    endpoint: Endpoint
    hook: Webhook
    status: int
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    callbacks: list[str] = field(default_factory=list)

    @property
    def payload(self) -> str:
        """The payload as it came, but for the token: whoever has that can answer."""
        shown = self.hook.payload | ({"access_token": "(hidden)"} if self.hook.token else {})
        return json.dumps(shown, indent=2, ensure_ascii=False)


class ReceivedLog:
    """The last :data:`KEPT` webhooks; threads may write to it while others read."""

    def __init__(self) -> None:
        self._rows: deque[Received] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, received: Received) -> None:
        """Notes a webhook."""
        with self._lock:
            self._rows.appendleft(received)

    def rows(self) -> list[Received]:
        """The newest first."""
        with self._lock:
            return list(self._rows)
