"""A worker of ours without a server, and clients that keep what they are sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger
from starlette.types import Receive, Scope, Send

from app.frameworks.gunicorn_worker import Worker
from app.http1.connection import Connection

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Refusing(Worker):
    """A worker with a body of its own for refusals."""

    def refusal(self, status: int) -> tuple[Sequence[tuple[str, str]], bytes]:
        return [("x-refused", str(status))], b"no"

    @property
    def waits(self) -> bool:
        return self._waiting is not None


class Client(asyncio.Transport):
    """The other end of a connection, which keeps what it is sent."""

    def __init__(self, unread: int = 0, *, half_closes: bool = False) -> None:
        super().__init__()
        self.half_closes, self.half_closed, self.paused = half_closes, False, False
        self.received = b""
        self.closed = asyncio.Event()
        self.aborted = asyncio.Event()
        self.unread = unread

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.received += data

    def writelines(self, list_of_data: Any) -> None:
        self.received += b"".join(list_of_data)

    def can_write_eof(self) -> bool:
        return self.half_closes

    def write_eof(self) -> None:
        self.half_closed = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def close(self) -> None:
        self.closed.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def abort(self) -> None:
        self.aborted.set()

    def get_write_buffer_size(self) -> int:
        return self.unread

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@contextmanager
def made(app: Any = hello) -> Iterator[Refusing]:
    """A worker that has its application, as `init_process` would leave it."""
    settings = Config()
    worker = Refusing(1, os.getppid(), [], None, 30, settings, Logger(settings))
    worker.asgi = app
    try:
        yield worker
    finally:
        worker.tmp.close()


def run(body: Callable[[Refusing], Awaitable[None]], app: Any = hello, *, kind: str = "auto") -> None:
    """Run a test in the event loop of a worker; ``kind`` as in gunicorn's setting asgi_loop."""
    with made(app) as worker:
        worker.cfg.set("asgi_loop", kind)
        worker._setup_event_loop()
        try:
            worker.loop.run_until_complete(_whole(body, worker))
        finally:
            asyncio.set_event_loop(None)
            worker.loop.close()


async def _whole(body: Callable[[Refusing], Awaitable[None]], worker: Refusing) -> None:
    try:
        async with asyncio.timeout(60):
            await body(worker)
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def connect(worker: Refusing, client: Client) -> Connection:
    connection = Connection(worker)
    connection.connection_made(client)
    return connection


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)
