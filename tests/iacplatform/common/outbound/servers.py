"""Servers on sockets that answer as a test tells them, byte by byte."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Server:
    """A running server and what came in, as bytes: one item a connection."""

    host: str
    port: int
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address, by number."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def head(self) -> str:
        """Request line and headers of the newest request."""
        return self.requests[-1].partition(b"\r\n\r\n")[0].decode()


def replying(content: bytes) -> Answer:
    """Answers with exactly these bytes."""
    return lambda client: client.sendall(content)


@contextmanager
def running_server(
    answer: bytes | Answer = OK,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    reads: bool = True,
) -> Iterator[Server]:
    """Listens until the block ends; with ``reads`` a whole request is read before it is answered."""
    reply = replying(answer) if isinstance(answer, bytes) else answer

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # A client that had enough closes its end.
            with suppress(OSError):
                if tls is None:
                    self.serve(self.request)
                    return
                with tls.wrap_socket(self.request, server_side=True) as client:
                    self.serve(client)

        def serve(self, client: socket.socket) -> None:
            server.requests.append(read_request(client) if reads else b"")
            reply(client)
            # Read to the end: closing a socket with unread bytes resets what was just written.
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass

    class Listener(socketserver.ThreadingTCPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        allow_reuse_address = True
        daemon_threads = True

    with Listener((host, port), Handler) as listener:
        server = Server(host, listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


def read_request(client: socket.socket) -> bytes:
    """Reads a request with its body, whose length must be given."""
    content = b""
    while b"\r\n\r\n" not in content:
        chunk = client.recv(65536)
        if not chunk:
            return content
        content += chunk
    head, _, body = content.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def nobody() -> Iterator[str]:
    """The address of a port of this machine that refuses connections."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"
