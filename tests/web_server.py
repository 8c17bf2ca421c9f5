"""The web server, as it is deployed, for tests of the outside."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn


@pytest.fixture(scope="session")
def web_server() -> Iterator[str]:
    """Runs the ASGI application in uvicorn; gives its address as ``127.0.0.1:<port>``."""
    config = uvicorn.Config("iacplatform.asgi:application", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()
