"""A run task service on a socket, written for the protocol alone: each address has a behaviour of its own."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

Behaviour = Callable[["Exchange"], object]


@dataclass(frozen=True)
class Hook:
    """A webhook that came in."""

    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def payload(self) -> dict[str, Any]:
        """The body as JSON."""
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded

    @property
    def result_id(self) -> str:
        """The result that is asked for."""
        return str(self.payload["task_result_id"])

    @property
    def task_id(self) -> int:
        """The task that is asked about."""
        return int(self.payload["task_id"])

    def fetch(self, name: str) -> requests.Response:
        """GETs what one of the payload's addresses leads to."""
        return self._call("GET", name, None)

    def call_back(self, status: str, message: str = "", **related: Any) -> requests.Response:
        """Says to the platform what was found."""
        attributes = {"status": status, "message": message}
        data = {"type": "task-results", "attributes": attributes, "relationships": related}
        return self._call("PATCH", "task_result_callback_url", {"data": data})

    def _call(self, method: str, name: str, body: Any) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {self.payload['access_token']}",
            "Content-Type": "application/vnd.api+json",
        }
        return requests.request(method, self.payload[name], json=body, headers=headers, timeout=30)


@dataclass
class Exchange:
    """A webhook and the connection on which it can be answered."""

    hook: Hook
    service: "RunTaskService"
    handler: BaseHTTPRequestHandler

    def answer(
        self, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        """Answers the webhook; what the behaviour does next comes after the answer."""
        self.begin(status, {"Content-Length": str(len(body))} | (headers or {}))
        with suppress(ConnectionError):
            self.handler.wfile.write(body)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Answers without a body."""
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()


@dataclass
class RunTaskService:
    """What came in, by address. Behaviours that wait do so until ``over``."""

    url: str
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    hooks: dict[str, list[Hook]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def address(self, name: str, behaviour: Behaviour) -> str:
        """The URL at which webhooks meet this behaviour."""
        self.behaviours[f"/{name}"] = behaviour
        self.hooks[f"/{name}"] = []
        return f"{self.url}/{name}"

    def received(self, name: str) -> list[Hook]:
        """The webhooks that came to an address, in their order."""
        return self.hooks[f"/{name}"]


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    service: RunTaskService


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        service = self.server.service
        hook = Hook(dict(self.headers), body)
        service.hooks[self.path].append(hook)
        service.behaviours[self.path](Exchange(hook, service, self))

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def running_service() -> Iterator[RunTaskService]:
    """Listens on a free port of this machine."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        service = server.service = RunTaskService(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            service.over.set()
            server.shutdown()
            thread.join()


# --- Behaviours


def accepts(exchange: Exchange) -> None:
    """Takes the webhook and says no more."""
    exchange.answer()


def passes(exchange: Exchange) -> None:
    """Takes the webhook, then passes."""
    exchange.answer()
    exchange.hook.call_back("passed", "fine")


def fails(exchange: Exchange) -> None:
    """Takes the webhook, then fails."""
    exchange.answer()
    exchange.hook.call_back("failed", "not allowed here")
