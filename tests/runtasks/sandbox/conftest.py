"""The sandbox on a free port, and options to make one of."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from runtasks.sandbox.server import SandboxOptions, SandboxServer

KEY = "a key that only the two of us know"
Start = Callable[..., SandboxServer]


@contextmanager
def running(options: SandboxOptions) -> Iterator[SandboxServer]:
    with SandboxServer(("127.0.0.1", 0), options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a sandbox with these options; all are stopped at the end."""
    with ExitStack() as stack:

        def begin(
            *, hmac_key: str = KEY, callback_base_url: str = "", delay: float = 0.1
        ) -> SandboxServer:
            options = SandboxOptions(hmac_key, callback_base_url, delay)
            return stack.enter_context(running(options))

        yield begin
