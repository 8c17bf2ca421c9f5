"""A door before a server: while it is shut, the server is away for those who come through it."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

CHUNK_BYTES = 65536


class Door:
    """Forwards connections to a server's Unix socket, or to ``host`` and ``port``."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._is_open = True
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        """Ends all connections, and every new one at once."""
        self._call(self._shut())

    def open(self) -> None:
        """Lets connections through again."""
        self._is_open = True

    def remove(self) -> None:
        """Ends the door."""
        self._call(self._shut())
        self._server.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _shut(self) -> None:
        self._is_open = False
        for writer in self._writers:
            writer.close()
        await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_open:
            writer.close()
            return
        host, port = self._target
        if Path(host).is_absolute():
            upstream = await asyncio.open_unix_connection(host)
        else:
            upstream = await asyncio.open_connection(host, port)
        both = {writer, upstream[1]}
        self._writers |= both
        await asyncio.gather(self._pass(reader, upstream[1]), self._pass(upstream[0], writer))
        self._writers -= both

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def door_to(host: str, port: int) -> Iterator[Door]:
    """An open door until the block ends."""
    door = Door(host, port)
    try:
        yield door
    finally:
        door.remove()
