"""An upstream that answers as a script says, well or badly: by raw bytes, so that every misbehaviour can be played.

    async with Scripted(events({"a": 1}), reset()) as upstream:   # on the event loop of the test
        ... upstream.base_url, upstream.received, upstream.open

    with serving(whole({"id": "x"})) as upstream:                 # in a thread, for servers in other processes
        ...

Answers are given in turn, the last one for ever. ``GET /models`` is not part of the script: see ``models``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.patience import PATIENCE, until


@dataclass(slots=True)
class Received:
    """A request as it came; the names of ``headers`` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Connection:
    """What an answer has to work with."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: Received
    keep: bool = True

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_gone(self) -> None:
        """Wait until the client has closed."""
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """End the connection with RST."""
        end = self.writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        self.keep = False

    def close(self) -> None:
        """End the connection in good order."""
        self.writer.close()
        self.keep = False


Answer = Callable[[Connection], Awaitable[None]]


@dataclass(slots=True)
class _State:
    open: int = 0
    connections: int = 0
    received: list[Received] = field(default_factory=list)
    probes: list[Received] = field(default_factory=list)


class Scripted:
    """The upstream. ``received`` are the requests of the script, ``probes`` those for the models; ``connections`` were
    accepted so far, ``open`` of them are open."""

    def __init__(self, *answers: Answer, models: Answer | None = None, port: int = 0) -> None:
        self.answers = list(answers)
        self.models = models or whole({"object": "list", "data": []})
        self.port = port
        self._state = _State()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def open(self) -> int:
        return self._state.open

    @property
    def connections(self) -> int:
        return self._state.connections

    @property
    def received(self) -> list[Received]:
        return self._state.received

    @property
    def probes(self) -> list[Received]:
        return self._state.probes

    async def __aenter__(self) -> Scripted:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 20, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task.get_name() == f"scripted-{id(self)}"]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def all_gone(self) -> None:
        """Wait until no connection is open."""
        await until(lambda: not self.open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(f"scripted-{id(self)}")
        self._state.connections += 1
        self._state.open += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self._state.open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Received(method, path, headers, body)
        connection = Connection(reader, writer, request)
        if method == "GET" and path.endswith("/models"):
            self.probes.append(request)
            await self.models(connection)
        else:
            self.received.append(request)
            await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(connection)
        return connection.keep


def head(status: int = 200, content_type: str | None = "application/json", **headers: str) -> bytes:
    """The head of an answer; underscores in names stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Whatever"]
    if content_type is not None:
        lines.append(f"content-type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(value: Any) -> bytes:
    """One event with JSON data; bytes are taken as they are."""
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


EVENTS_HEAD = head(content_type="text/event-stream", transfer_encoding="chunked")
LAST_CHUNK = b"0\r\n\r\n"


def whole(value: Any, status: int = 200, content_type: str | None = "application/json", **headers: str) -> Answer:
    """An answer with a length; ``value`` is JSON, or bytes as they are."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()

    async def answer(connection: Connection) -> None:
        await connection.send(head(status, content_type, content_length=str(len(body)), **headers) + body)

    return answer


def events(*values: Any, done: bool = True, pause: float = 0.0) -> Answer:
    """A stream with an event in each chunk."""

    async def answer(connection: Connection) -> None:
        await connection.send(EVENTS_HEAD)
        for value in values:
            await connection.send(chunk(event(value)))
            if pause:
                await asyncio.sleep(pause)
        await connection.send((chunk(event(b"[DONE]")) if done else b"") + LAST_CHUNK)

    return answer


def pieces(*data: bytes, pause: float = 0.0, then: str = "close") -> Answer:
    """Raw bytes, piece by piece; ``then`` close, reset, half-close, keep (for the next request) or stall."""

    async def answer(connection: Connection) -> None:
        for piece in data:
            await connection.send(piece)
            await asyncio.sleep(pause)
        if then == "close":
            connection.close()
        elif then == "reset":
            await asyncio.sleep(0.02)  # what was sent is to arrive first
            connection.reset()
        elif then == "half-close":
            connection.writer.write_eof()
            await connection.until_gone()
            connection.keep = False
        elif then == "stall":
            await connection.until_gone()
            connection.keep = False
        else:
            assert then == "keep"

    return answer


def reset(*data: bytes) -> Answer:
    return pieces(*data, then="reset")


def stall(*data: bytes) -> Answer:
    return pieces(*data, then="stall")


def endless(begin: bytes, again: bytes, pause: float = 0.0) -> Answer:
    """The same bytes again and again until the client goes."""

    async def answer(connection: Connection) -> None:
        await connection.send(begin)
        while True:
            await connection.send(again)
            await asyncio.sleep(pause)

    return answer


@contextlib.contextmanager
def serving(*answers: Answer, models: Answer | None = None) -> Iterator[Scripted]:
    """An upstream in a thread of its own."""
    upstream = Scripted(*answers, models=models)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(upstream.__aenter__(), loop).result(PATIENCE)
        yield upstream
        asyncio.run_coroutine_threadsafe(upstream.__aexit__(), loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()
