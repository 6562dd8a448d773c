"""What is relied on in gunicorn's asgi worker is as `app.frameworks.gunicorn_worker` says."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.config import Config
from gunicorn.glogging import Logger
from starlette.types import Receive, Scope, Send

from app.frameworks import gunicorn_protocol
from app.frameworks.gunicorn_protocol import Protocol
from app.frameworks.gunicorn_worker import Worker

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

    def __init__(self, unread: int = 0) -> None:
        super().__init__()
        self.received = b""
        self.closed = asyncio.Event()
        self.aborted = asyncio.Event()
        self.unread = unread

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.received += data

    def writelines(self, list_of_data: Any) -> None:
        self.received += b"".join(list_of_data)

    def can_write_eof(self) -> bool:
        return False

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


def run(body: Callable[[Refusing], Awaitable[None]], app: Any = hello) -> None:
    """Run a test in the event loop of a worker."""
    with made(app) as worker:
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


def connect(worker: Refusing, client: Client) -> Protocol:
    protocol = Protocol(worker)
    protocol.connection_made(client)
    return protocol


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


def test_a_request_reaches_the_application_and_the_connection_is_idle_before_and_after_it() -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        protocol = connect(worker, client)
        await until(lambda: protocol.idle)
        protocol.data_received(REQUEST)
        assert protocol.idle, "the loop has not begun to serve it"
        await until(lambda: client.received.endswith(b"hello"))
        await until(lambda: protocol.idle)

    run(body)


def test_a_connection_is_not_idle_while_its_request_is_served() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        client = Client()
        protocol = connect(worker, client)
        protocol.data_received(REQUEST)
        await begun.wait()
        assert not protocol.idle
        go_on.set()
        await until(lambda: protocol.idle)

    run(body, slow)


def test_nor_is_it_while_a_request_that_is_answered_still_runs() -> None:
    go_on = asyncio.Event()

    async def lingering(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        await go_on.wait()

    async def body(worker: Refusing) -> None:
        client = Client()
        protocol = connect(worker, client)
        protocol.data_received(REQUEST)
        await until(lambda: client.received.endswith(b"hello") and protocol._awaiting_request)
        assert not protocol.idle
        go_on.set()
        await until(lambda: protocol.idle)

    run(body, lingering)


@pytest.mark.parametrize(
    ("sent", "status", "line"),
    [
        (b"no http at all\r\n\r\n", 400, b"HTTP/1.1 400 Bad Request"),
        (b"GET /" + b"x" * 8000 + b" HTTP/1.1\r\n\r\n", 414, b"HTTP/1.1 414 URI Too Long"),
        (
            b"GET / HTTP/1.1\r\nx: " + b"x" * 9000 + b"\r\n\r\n",
            431,
            b"HTTP/1.1 431 Request Header Fields Too Large",
        ),
        # The parser reads such a number with `int`.
        (b"POST / HTTP/1.1\r\ncontent-length: " + b"1" * 5000 + b"\r\n\r\n", 400, b"HTTP/1.1 400 Bad Request"),
    ],
    ids=["no HTTP", "long path", "long header", "long number"],
)
def test_what_the_http_server_refuses_is_told_by_the_worker(sent: bytes, status: int, line: bytes) -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        connect(worker, client).data_received(sent)
        await client.closed.wait()
        head, _, content = client.received.partition(b"\r\n\r\n")
        assert head.split(b"\r\n") == [line, b"x-refused: %d" % status, b"connection: close"]
        assert content == b"no"

    run(body)


def test_a_request_for_a_websocket_is_served_as_a_plain_one() -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: "
        request = b"GET / HTTP/1.1\r\nhost: x\r\n" + upgrade + b"MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        connect(worker, client).data_received(request)
        await until(lambda: client.received.endswith(b"hello"))
        assert client.received.startswith(b"HTTP/1.1 200 ")

    run(body)


def test_a_client_that_never_sends_a_request_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_protocol, "_HEAD_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        client = Client()
        protocol = connect(worker, client)
        protocol.data_received(REQUEST[:9])
        await client.closed.wait()
        assert client.received.startswith(b"HTTP/1.1 408 Request Timeout\r\nx-refused: 408\r\n")
        await until(lambda: not protocol.idle)  # its task has ended

    run(body)


def test_one_that_has_sent_its_head_has_the_time_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_protocol, "_HEAD_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        client, later = Client(), Client()
        connect(worker, client).data_received(REQUEST)
        connect(worker, later)
        await later.closed.wait()
        assert not client.closed.is_set()

    run(body)


def test_what_a_client_does_not_read_is_dropped_once_its_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_protocol, "_FLUSH_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        client = Client(unread=1)
        connect(worker, client).data_received(b"no http at all\r\n\r\n")
        await client.aborted.wait()

    run(body)


def test_a_stop_closes_idle_connections_and_waits_for_the_others() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        idle, busy = Client(), Client()
        waiting = connect(worker, idle)
        serving = connect(worker, busy)
        serving.data_received(REQUEST)
        await begun.wait()
        stop = asyncio.create_task(worker._shutdown())
        await idle.closed.wait()
        waiting.connection_lost(None)
        assert not busy.closed.is_set()
        assert not stop.done()
        go_on.set()
        await busy.closed.wait()
        assert busy.received.endswith(b"hello")
        serving.connection_lost(None)
        await stop

    run(body, slow)


@pytest.mark.parametrize("signal", ["handle_exit_signal", "handle_quit_signal"])
def test_a_signal_ends_the_wait_of_the_worker_at_once(signal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Server:
        def close(self) -> None: ...

        async def wait_closed(self) -> None: ...

    async def create_server(*_arguments: object, **_options: object) -> Server:
        return Server()

    sleep = asyncio.sleep

    async def sleep_for_good(seconds: float) -> None:
        await (sleep(0) if seconds == 0 else asyncio.Event().wait())

    async def body(worker: Refusing) -> None:
        worker.sockets = [SimpleNamespace(sock=None)]
        worker.cfg.set("asgi_lifespan", "off")
        monkeypatch.setattr(worker.loop, "create_server", create_server)
        monkeypatch.setattr(asyncio, "sleep", sleep_for_good)
        serving = asyncio.create_task(worker._serve())
        await until(lambda: worker.waits)
        getattr(worker, signal)()
        await serving
        assert not worker.alive

    run(body)


def test_a_server_speaks_by_our_protocol_and_leaves_the_queue_of_the_kernel_as_it_is() -> None:
    async def body(worker: Refusing) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=7) as listening:
            queue = _backlog(listening)
            server = await worker.loop.create_server(
                lambda: ASGIProtocol(worker), sock=listening, ssl=None, reuse_address=True, start_serving=True
            )
            assert _backlog(listening) == queue
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(REQUEST)
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
            [protocol] = worker.connections.all
            assert type(protocol) is Protocol
            server.close()
            await server.wait_closed()
            writer.close()
            await until(lambda: not worker.connections.all)

    run(body)


def _backlog(listening: socket.socket) -> int:
    """How many connections the kernel queues: of a listening socket, ``tcpi_sacked`` of its ``tcp_info``."""
    return int(struct.unpack_from("=8B5I", listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64))[12])
