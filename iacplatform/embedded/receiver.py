"""A receiver of the demo's notifications: checks their signatures and keeps what they say."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from iacplatform.embedded.stack import LOOPBACK

SECRET = "the receiver's secret is none"


@dataclass(frozen=True)
class Received:
    """A message that came in, and whether it was signed with :data:`SECRET`."""

    message: dict[str, Any]
    is_genuine: bool


class Receiver(ThreadingHTTPServer):
    """Listens on a free port of this machine."""

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.received: list[Received] = []

    @property
    def url(self) -> str:
        """The address that takes messages."""
        return f"http://{LOOPBACK}:{self.server_port}/hook"

    def has(self, event: str, task_id: int) -> bool:
        """Whether this event of a task has come in."""
        found = ((each.message["event"], each.message["task"]["id"]) for each in self.received)
        return (event, task_id) in found


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Takes a message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        signature = self.headers.get("X-IaC-Signature", "")
        is_genuine = hmac.compare_digest(signature, expected)
        self.server.received.append(Received(json.loads(body), is_genuine))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing: the demo shows what came in."""


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Listens until the block ends."""
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
