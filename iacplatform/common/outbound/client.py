"""Sending one request to an address that a user typed."""

import ssl
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import structlog
from django.conf import settings
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as URLTimeoutError
from urllib3.util import parse_url

from iacplatform.common.outbound.addresses import literal, may_call
from iacplatform.common.outbound.connections import Deadline, GuardedAdapter
from iacplatform.common.outbound.errors import OutboundFailed, OutboundRefused

TIMEOUT_SECONDS = 30.0
MAX_RESPONSE_BYTES = 1024**2
CHUNK_BYTES = 64 * 1024
SCHEMES = ("http", "https")
MASK = b"***"
DEFAULT_HEADERS = {"User-Agent": "IaC-Platform/1.0", "Accept": "*/*", "Connection": "close"}
# The message's frame is ours: these would let a user move its end, its receiver or the proxy's account.
OUR_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
UNSENDABLE_HEADER = "A header has characters that cannot be sent"
logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class OutboundResponse:
    """An answer, whatever its status: redirects are answers too.

    ``headers`` are found in any case, ``body`` has the bytes as they came (no encoding was asked
    for), cut off where ``truncated``; ``duration`` is in seconds.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    duration: float

    @property
    def retry_after(self) -> float | None:
        """Seconds that ``Retry-After`` asks for, as a number or a date (RFC 9110 §10.2.3)."""
        value = self.headers.get("Retry-After", "")
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            moment = parsedate_to_datetime(value).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def check_url(url: str) -> None:
    """Says early what :func:`send` would refuse, without asking the network.

    Raises :class:`OutboundRefused` for an address that is not ``http`` or ``https``, has a user name, or
    names a number that may not be called. Where a name leads is only known when it is called.
    """
    _check(_prepare("GET", url, {}, b""))


def _check(request: requests.PreparedRequest) -> str:
    """The host of a request that may be sent, as far as its text says."""
    parts = parse_url(request.url or "")
    if parts.scheme not in SCHEMES or not parts.host:
        raise OutboundRefused("Only http:// and https:// addresses can be called")
    if parts.auth is not None:
        raise OutboundRefused("An address must not have a user name or password in it")
    number = literal(parts.host)
    if number is not None and not may_call(number, number):
        raise OutboundRefused(f"{parts.host} is an address that may not be called")
    return parts.host


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if name.lower() in OUR_HEADERS:
            raise OutboundRefused(f"The header {name} cannot be set")
        if not (name + value).isascii():
            raise OutboundRefused(UNSENDABLE_HEADER)


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout: float = TIMEOUT_SECONDS,
    max_response_bytes: int = MAX_RESPONSE_BYTES,
    secrets: Collection[str] = (),
) -> OutboundResponse:
    """Sends a request and reads at most ``max_response_bytes`` of the answer's body.

    ``timeout`` seconds are for all of it, from connecting to the last byte. The ``secrets`` are masked
    in the answer, which may repeat them. Raises :class:`OutboundRefused` (never try that again) or
    :class:`OutboundFailed` (try again later). Call it with no transaction open.
    """
    _check_headers(headers or {})
    request = _prepare(method, url, headers or {}, body)
    host = _check(request)
    started = time.monotonic()
    with Deadline(timeout) as deadline:
        try:
            status, received, content = _exchange(request, deadline, timeout, max_response_bytes)
        except (requests.RequestException, HTTPError) as error:
            # The library's own sentence has the path in it, which may be a secret.
            reason = _reason(error, host, timeout, expired=deadline.expired)
            raise OutboundFailed(reason) from None
        if deadline.expired:
            raise OutboundFailed(_late(host, timeout))
    duration = time.monotonic() - started
    logger.info("outbound_answered", host=host, status=status, seconds=round(duration, 3))
    return OutboundResponse(
        status=status,
        headers=CaseInsensitiveDict(
            {name: _masked(value.encode(), secrets).decode() for name, value in received.items()}
        ),
        body=_masked(content[:max_response_bytes], secrets),
        truncated=len(content) > max_response_bytes,
        duration=duration,
    )


def _prepare(
    method: str, url: str, headers: Mapping[str, str], body: bytes
) -> requests.PreparedRequest:
    merged = CaseInsensitiveDict(DEFAULT_HEADERS)
    merged.update(headers)
    try:
        return requests.Request(method, url, headers=dict(merged), data=body).prepare()
    except requests.exceptions.InvalidHeader:
        raise OutboundRefused(UNSENDABLE_HEADER) from None
    except (requests.RequestException, HTTPError, ValueError):
        raise OutboundRefused("This is not an address that can be called") from None


def _exchange(
    request: requests.PreparedRequest, deadline: Deadline, timeout: float, limit: int
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and the body, or a little more than ``limit`` bytes of it."""
    adapter = GuardedAdapter(deadline, settings.OUTBOUND_PROXY)
    verify = settings.OUTBOUND_CA_FILE or True
    try:
        response = adapter.send(request, stream=True, timeout=timeout, verify=verify)
        with response:
            return response.status_code, response.headers, _read(response, limit)
    finally:
        adapter.close()


def _read(response: requests.Response, limit: int) -> bytes:
    content = b""
    for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
        content += chunk
        if len(content) > limit:
            break
    return content


def _reason(error: BaseException, host: str, timeout: float, *, expired: bool) -> str:
    if expired or _find(error, (requests.Timeout, URLTimeoutError, TimeoutError)):
        return _late(host, timeout)
    if isinstance(error, requests.exceptions.ProxyError):
        return f"The proxy does not lead to {host}"
    tls = _find(error, (ssl.SSLError,))
    if tls is not None:
        return f"TLS with {host} failed: {getattr(tls, 'verify_message', '') or tls.reason}"
    return f"{host} broke the connection off, or its answer is not HTTP"


def _late(host: str, timeout: float) -> str:
    return f"{host} did not answer within {timeout:g} s"


def _find(error: BaseException | None, kinds: tuple[type[BaseException], ...]) -> Any:
    """The first error of these kinds among an error and its causes."""
    while error is not None and not isinstance(error, kinds):
        error = error.__cause__ or error.__context__
    return error


def _masked(content: bytes, secrets: Collection[str]) -> bytes:
    for secret in filter(None, secrets):
        content = content.replace(secret.encode(), MASK)
    return content
