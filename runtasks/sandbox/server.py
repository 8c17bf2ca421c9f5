"""The sandbox's web server: webhooks by POST, the page that lists them by GET."""

import json
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.template.loader import render_to_string

from runtasks.sandbox.callbacks import report_end, report_progress
from runtasks.sandbox.endpoints import ENDPOINTS, TEST, Endpoint
from runtasks.sandbox.log import Received, ReceivedLog
from runtasks.sandbox.webhook import SIGNATURE_HEADER, NotAWebhook, Webhook, read_webhook

MAX_BODY_BYTES = 10 * 1024**2
SECONDS_OF_SILENCE = 60.0
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class SandboxOptions:
    """What the command line says; texts are empty where it says nothing, the delay is in seconds."""

    hmac_key: str
    callback_base_url: str
    delay: float


@dataclass
class Sandbox:
    """A run task service that does what its endpoints are called."""

    options: SandboxOptions
    log: ReceivedLog = field(default_factory=ReceivedLog)
    _refused: set[str] = field(default_factory=set)

    def take(self, path: str, body: bytes, signature: str) -> Received:
        """Reads a webhook and notes it; raises :class:`NotAWebhook`."""
        hook = read_webhook(
            body,
            signature,
            hmac_key=self.options.hmac_key,
            base_url=self.options.callback_base_url,
        )
        endpoint = ENDPOINTS[path.removesuffix(TEST)]
        received = Received(path, endpoint, hook, self._status(endpoint, hook))
        self.log.add(received)
        return received

    def _status(self, endpoint: Endpoint, hook: Webhook) -> int:
        if hook.is_test or not endpoint.refuses_first or hook.result_id in self._refused:
            return HTTPStatus.OK
        self._refused.add(hook.result_id)
        return HTTPStatus.SERVICE_UNAVAILABLE

    def follow_up(self, received: Received, page: str) -> None:
        """Calls back what the endpoint calls back, after the webhook was answered."""
        endpoint, hook = received.endpoint, received.hook
        if received.status != HTTPStatus.OK or hook.is_test or not endpoint.answer:
            return
        if endpoint.delayed:
            received.callbacks.append(report_progress(hook))
            time.sleep(self.options.delay)
        received.callbacks.append(report_end(hook, endpoint.answer, page))


class SandboxServer(ThreadingHTTPServer):
    """Listens for a :class:`Sandbox`, with a thread for each request."""

    request_queue_size = 128

    def __init__(self, address: tuple[str, int], options: SandboxOptions) -> None:
        super().__init__(address, _Handler)
        self.sandbox = Sandbox(options)


class _Handler(BaseHTTPRequestHandler):
    server: SandboxServer
    timeout = SECONDS_OF_SILENCE

    def do_GET(self) -> None:
        """The page."""
        if self.path != "/":
            return self._refuse(HTTPStatus.NOT_FOUND, "The page is at /")
        rows = self.server.sandbox.log.rows()
        page = render_to_string("runtasks/sandbox.html", {"rows": rows, "endpoints": ENDPOINTS})
        return self._answer(HTTPStatus.OK, page, "text/html; charset=utf-8", PAGE_HEADERS)

    def do_POST(self) -> None:
        """A webhook: answered first, called back then, as services do."""
        path = self.path.partition("?")[0]
        if path.removesuffix(TEST) not in ENDPOINTS:
            return self._refuse(HTTPStatus.NOT_FOUND, f"POST to one of {', '.join(ENDPOINTS)}")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length")
        if int(length) > MAX_BODY_BYTES:
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {MAX_BODY_BYTES} B")
        body = self.rfile.read(int(length))
        try:
            received = self.server.sandbox.take(path, body, self.headers.get(SIGNATURE_HEADER, ""))
        except NotAWebhook as error:
            return self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        self._answer_json(received.status, _acknowledgement(received))
        page = f"http://{self.headers.get('Host', '')}/#{received.hook.result_id}"
        return self.server.sandbox.follow_up(received, page)

    def _refuse(self, status: int, sentence: str) -> None:
        self._answer_json(status, {"status": "error", "message": sentence})

    def _answer_json(self, status: int, content: dict[str, Any]) -> None:
        self._answer(status, json.dumps(content), "application/json", {})

    def _answer(self, status: int, text: str, kind: str, headers: dict[str, str]) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _acknowledgement(received: Received) -> dict[str, Any]:
    hook = received.hook
    accepted = received.status == HTTPStatus.OK
    return {
        "status": "acknowledged" if accepted else "try again",
        "is_test": hook.is_test,
        "hmac_verified": hook.hmac_verified,
        "hmac_error": hook.hmac_error or None,
    }
