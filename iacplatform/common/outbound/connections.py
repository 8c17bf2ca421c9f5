"""Connections to addresses that were checked: a name is resolved once, where the connection is made.

requests hands each request to an adapter, which takes a connection from a urllib3 pool. The pool's
connections are ours: they resolve, check and connect in one place, so that a name which leads
elsewhere a moment later changes nothing, while TLS still verifies the name and ``Host`` still says it.
"""

import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from iacplatform.common.outbound.addresses import may_call
from iacplatform.common.outbound.errors import OutboundFailed, OutboundRefused

CONNECT_SECONDS = 10.0
logger = structlog.get_logger(__name__)


class Deadline:
    """Cuts a request's connection when its time is up, whatever it is waiting for.

    A socket's own time-out starts again with each byte: a server that sends one a second would hold
    the caller for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._watched: socket.socket | None = None
        self.expired = False

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._watched is not None:
            self._watched.close()

    def remaining(self) -> float:
        """Seconds left; raises :class:`OutboundFailed` when there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise OutboundFailed("No time was left to connect")
        return seconds

    def watch(self, connected: socket.socket) -> None:
        """Will cut this connection; raises :class:`OutboundFailed` when it is too late for that.

        TLS takes a socket over, but a duplicate still reaches its connection.
        """
        self._watched = connected.dup()
        if self.expired:
            raise OutboundFailed("No time was left to ask")

    def _cut(self) -> None:
        self.expired = True
        if self._watched is None:
            return
        try:
            self._watched.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was faster


class _Guarded:
    """A urllib3 connection whose socket we open; urllib3's own SOCKS support replaces the same method."""

    host: str
    port: int

    def __init__(self, *arguments: Any, opener: "Opener", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._opener = opener

    def _new_conn(self) -> socket.socket:
        return self._opener(self.host, self.port)


class _HTTP(_Guarded, HTTPConnection):
    pass


class _HTTPS(_Guarded, HTTPSConnection):
    pass


Opener = Callable[[str, int], socket.socket]
CONNECTIONS: dict[str, type[_HTTP | _HTTPS]] = {"http": _HTTP, "https": _HTTPS}


class GuardedAdapter(HTTPAdapter):
    """Sends one request of requests over a connection that ends with ``deadline``.

    Without a ``proxy`` the address of each connection is checked; with one, the proxy's is not, and it
    is the proxy that resolves names and has to refuse.
    """

    def __init__(self, deadline: Deadline, proxy: str) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._proxies = dict.fromkeys(CONNECTIONS, proxy) if proxy else {}
        self._opener = partial(connect, deadline=deadline, checked=not proxy)

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """A pool whose connections are ours."""
        pool: Any = super().get_connection_with_tls_context(request, verify, self._proxies, cert)
        pool.ConnectionCls = partial(CONNECTIONS[pool.scheme], opener=self._opener)
        return pool

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        """The request's target: the whole address for a proxy, a path for a server."""
        return super().request_url(request, self._proxies)


def connect(host: str, port: int, *, deadline: Deadline, checked: bool) -> socket.socket:
    """Resolves ``host`` once, checks all of its addresses if asked to, and connects to one of them.

    Raises :class:`OutboundRefused` if one may not be called, :class:`OutboundFailed` if none answers.
    """
    targets = _resolve(host, port)
    if checked:
        _check(host, [str(target[4][0]) for target in targets])
    failure = f"{host} has no address"
    for family, kind, protocol, _, address in targets:
        seconds = min(CONNECT_SECONDS, deadline.remaining())
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(seconds)
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            failure = f"{host}:{port} cannot be connected: {error.strerror or 'timed out'}"
            continue
        deadline.watch(connection)
        return connection
    raise OutboundFailed(failure)


def _resolve(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundFailed(f"{host} cannot be resolved") from error


def _check(host: str, addresses: list[str]) -> None:
    refused = [address for address in addresses if not may_call(host, address)]
    if refused:
        # Only the log says which: the person who typed the name is not told what it is inside.
        logger.warning("outbound_refused", host=host, addresses=refused)
        raise OutboundRefused(f"{host} leads to an address that may not be called")
