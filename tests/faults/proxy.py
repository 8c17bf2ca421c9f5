"""A TCP proxy in front of a server's Unix socket, with the faults of a network.

It listens on the loopback interface for as long as the faults run.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65536


@dataclass(eq=False)
class _Link:
    """One client's connection: what it writes to either side, and what happened to it."""

    to_client: asyncio.StreamWriter
    to_server: asyncio.StreamWriter
    swallowed: bool = False
    wanted: bool = False
    mute: bool = False

    def close(self) -> None:
        for writer in (self.to_client, self.to_server):
            writer.close()


class Proxy:
    """Forwards connections; can cut them, swallow what they carry, refuse new ones, and eat one reply."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._links: set[_Link] = set()
        self._pattern: bytes | None = None
        self._dropped = threading.Event()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy").start()
        self._server = self._call(self._listen(0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Ends the proxy with all its connections."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def cut(self) -> None:
        """Closes every connection there is. New ones are served."""
        self._call(self._cut())

    def swallow(self) -> None:
        """Makes every connection there is half-open: nothing arrives, nothing is closed."""
        self._call(self._swallow())

    def refuse(self) -> None:
        """Closes every connection and refuses new ones until :meth:`accept`."""
        self._call(self._refuse())

    def accept(self) -> None:
        """Serves new connections again, at the same port."""
        if not self._server.is_serving():
            self._server = self._call(self._listen(self.port))

    def drop_reply_to_commit(self, after: bytes) -> threading.Event:
        """Loses the reply to the next COMMIT of a connection that has sent ``after`` before.

        The server gets the COMMIT; the client sees its connection end. Returns the event that says so.
        """
        self._dropped = threading.Event()
        self._pattern = after
        return self._dropped

    def heal(self) -> None:
        """Undoes every fault; swallowed connections are closed."""
        self._pattern = None
        self.accept()
        self._call(self._cut(swallowed_only=True))

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, LOOPBACK, port, reuse_address=True)

    async def _cut(self, *, swallowed_only: bool = False) -> None:
        doomed = [link for link in self._links if link.swallowed or not swallowed_only]
        for link in doomed:
            link.close()

    async def _swallow(self) -> None:
        for link in self._links:
            link.swallowed = True

    async def _end(self) -> None:
        self._server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _refuse(self) -> None:
        self._server.close()
        await self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_unix_connection(str(self._target))
        except OSError:
            writer.close()
            return
        link = _Link(writer, to_server)
        self._links.add(link)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._up(reader, link), self._down(from_server, link))
        link.close()
        self._links.discard(link)

    async def _up(self, reader: asyncio.StreamReader, link: _Link) -> None:
        """What the client says."""
        while data := await reader.read(CHUNK_BYTES):
            if link.swallowed:
                continue
            self._look_for_commit(data, link)
            link.to_server.write(data)
            await link.to_server.drain()
        if not link.swallowed:
            link.to_server.close()

    async def _down(self, reader: asyncio.StreamReader, link: _Link) -> None:
        """What the server answers."""
        while data := await reader.read(CHUNK_BYTES):
            if link.mute:
                self._dropped.set()
                link.close()
                return
            if link.swallowed:
                continue
            link.to_client.write(data)
            await link.to_client.drain()
        if not link.swallowed:
            link.to_client.close()

    def _look_for_commit(self, data: bytes, link: _Link) -> None:
        if self._pattern is None:
            return
        link.wanted = link.wanted or self._pattern in data
        if link.wanted and b"COMMIT" in data:
            link.mute, self._pattern = True, None
