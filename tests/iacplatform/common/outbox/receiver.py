"""A receiver of deliveries on a socket: it notes what arrives, and answers as it is told."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Arrival:
    """One request."""

    key: str
    attempt: int
    payload: dict[str, Any]


@dataclass
class Receiver:
    """What arrived so far. ``replies`` are used up one after another, then it is 200 for ever."""

    url: str
    arrivals: list[Arrival] = field(default_factory=list)
    replies: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    seconds: float = 0.0
    most_at_once: Counter[str] = field(default_factory=Counter)
    _at_once: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def keys(self) -> list[str]:
        """The idempotency keys in the order of their arrival."""
        return [arrival.key for arrival in self.arrivals]

    def take(self, arrival: Arrival, destination: str) -> tuple[int, dict[str, str]]:
        """Notes a request, takes its time, and says how it is answered."""
        with self._lock:
            self.arrivals.append(arrival)
            reply = self.replies.pop(0) if self.replies else (200, {})
            self._at_once[destination] += 1
            now = self._at_once[destination]
            self.most_at_once[destination] = max(now, self.most_at_once[destination])
        time.sleep(self.seconds)
        with self._lock:
            self._at_once[destination] -= 1
        return reply


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Listens on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key, attempt = self.headers["Idempotency-Key"], int(self.headers["X-Attempt"])
            destination = self.headers["X-Destination"]
            status, headers = receiver.take(Arrival(key, attempt, payload), destination)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            """A sender that was killed is no error of ours."""

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
