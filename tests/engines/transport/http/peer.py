"""A server that does what a test says, on a socket of the loopback, and a client that asks it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

from app.engines.transport.http.answer import Answer, Times
from app.engines.transport.http.client import Client
from app.engines.transport.http.request import Fields, Target

from ....patience import PATIENCE

uvloop: ModuleType | None
try:
    import uvloop
except ImportError:
    uvloop = None

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 5\r\n\r\nHello"


class Line:
    """A connection that the server has accepted."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @property
    def closed(self) -> bool:
        """Whether the client has closed it."""
        return self.reader.at_eof() or self.reader.exception() is not None

    async def request(self) -> tuple[bytes, bytes]:
        """Read a request; returns its head and its body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return head, await self.reader.readexactly(int(length or 0))

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has closed the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass

    def close(self) -> None:
        self.writer.close()


Serve = Callable[[Line], Awaitable[None]]


class Peer:
    """A running server. ``lines`` are the connections that it has accepted."""

    def __init__(self, serve: Serve) -> None:
        self.serve = serve
        self.lines: list[Line] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.target = Target("http://peer/")

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self.lines.append(line)
        task = asyncio.current_task()
        assert task is not None
        self.tasks.append(task)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await self.serve(line)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for line in self.lines:
            line.close()


@contextlib.asynccontextmanager
async def peer(
    serve: Serve, *, tls: ssl.SSLContext | None = None, socket: Path | None = None
) -> AsyncIterator[tuple[Peer, Client]]:
    """A server whose connections ``serve`` serves, and a client."""
    made = Peer(serve)
    if socket is not None:
        server = await asyncio.start_unix_server(made.accept, str(socket))
    else:
        server = await asyncio.start_server(made.accept, "127.0.0.1", 0, ssl=tls)
        scheme, host = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
        made.target = Target(f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}/v1/x")
    client = Client(None if socket is None else str(socket))
    try:
        async with asyncio.timeout(PATIENCE):
            yield made, client
    finally:
        client.close()
        server.close()
        await made.end()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on asyncio's event loop, and on uvloop where it is installed."""
    for make in [asyncio.new_event_loop, *([] if uvloop is None else [uvloop.new_event_loop])]:
        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(asyncio.wait_for(test(), PATIENCE))


def times(
    connected: float = PATIENCE, begun: float = PATIENCE, idle: float = PATIENCE, complete: float = PATIENCE
) -> Times:
    """All in seconds from now."""
    now = asyncio.get_running_loop().time()
    return Times(now + connected, now + begun, idle, now + complete)


async def ask(client: Client, target: Target, body: bytes | None = b"{}", within: Times | None = None) -> Answer:
    return await client.request(target, Fields([("X", "y")]), body, within or times())


async def whole(answer: Answer) -> bytes:
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    answer.close()
    return b"".join(pieces)


async def always(line: Line) -> None:
    """Answer each request of a connection."""
    while True:
        await line.request()
        await line.send(WHOLE)
