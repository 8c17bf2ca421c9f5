"""However a server wastes time, a request ends when its time is up."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from iacplatform.common.outbound import OutboundFailed, send
from tests.iacplatform.common.outbound.servers import Answer, running_server

pytestmark = pytest.mark.usefixtures("this_machine")
SECONDS = 0.5
MOST_SECONDS = 3.0
HEAD = b"HTTP/1.1 200 OK\r\n"


@contextlib.contextmanager
def ends_in_time() -> Iterator[None]:
    """The block fails because the time is up, and hardly later."""
    started = time.monotonic()
    with pytest.raises(OutboundFailed, match=r"did not answer within 0.5 s$"):
        yield
    assert SECONDS * 0.9 < time.monotonic() - started < MOST_SECONDS


def dripping(first: bytes, drop: bytes) -> Answer:
    """Answers with ``first`` and then with ``drop``, again and again, for much too long."""

    def drip(client: socket.socket) -> None:
        client.sendall(first)
        for _ in range(200):
            time.sleep(0.05)
            client.sendall(drop)

    return drip


@pytest.mark.parametrize(
    "answer",
    [
        dripping(b"", b""),
        dripping(b"", b"H"),
        dripping(HEAD, b"X"),
        dripping(HEAD, b"X-A: b\r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(HEAD + b"Content-Length: 1000\r\n\r\n", b"x"),
        dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        dripping(HEAD + b"\r\n", b"x"),
    ],
    ids=[
        "silence",
        "status line",
        "one header",
        "many headers",
        "100 Continue",
        "body",
        "chunks",
        "body without a length",
    ],
)
def test_a_server_that_drips_is_cut_off(answer: Answer) -> None:
    with running_server(answer) as server, ends_in_time():
        send("POST", server.url, timeout=SECONDS)


def test_a_server_that_does_not_read_is_cut_off() -> None:
    with running_server(dripping(b"", b""), reads=False) as server, ends_in_time():
        send("POST", server.url, body=b"x" * 50 * 1024**2, timeout=SECONDS)


def test_a_server_that_never_ends_its_tls_handshake_is_cut_off() -> None:
    with running_server(dripping(b"", b""), reads=False) as server, ends_in_time():
        send("POST", server.url.replace("http:", "https:"), timeout=SECONDS)


def test_a_server_that_drips_its_tls_handshake_is_cut_off() -> None:
    # A TLS record of a handshake message that is never complete.
    answer = dripping(b"\x16\x03\x03\x40\x00", b"\x02")
    with running_server(answer, reads=False) as server, ends_in_time():
        send("POST", server.url.replace("http:", "https:"), timeout=SECONDS)


def test_a_server_that_answers_just_in_time_is_heard() -> None:
    def late(client: socket.socket) -> None:
        time.sleep(SECONDS / 2)
        client.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")

    with running_server(late) as server:
        assert send("POST", server.url, timeout=SECONDS * 4).body == b"ok"
