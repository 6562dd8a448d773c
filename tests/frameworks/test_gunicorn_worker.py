"""What is relied on in gunicorn's asgi worker is as `app.frameworks.gunicorn_worker` says."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import struct
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.asgi.protocol import ASGIProtocol
from starlette.types import Receive, Scope, Send

from app.http1.connection import Connection

from ..http1.connecting import REQUEST, Client, Refusing, connect, hello, run, until
from ..patience import PATIENCE


def test_a_stop_closes_idle_connections_and_waits_for_the_others() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        idle, busy = Client(), Client()
        waiting = connect(worker, idle)
        waiting.received(REQUEST)
        await begun.wait()
        go_on.set()
        await until(lambda: idle.received.endswith(b"hello") and waiting.idle)
        go_on.clear()
        begun.clear()
        serving = connect(worker, busy)
        serving.received(REQUEST)
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


@pytest.mark.parametrize("sent", [b"", REQUEST[:10]], ids=["nothing", "a part of the head"])
def test_a_request_that_was_due_when_the_stop_began_is_answered(sent: bytes) -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        connection = connect(worker, client)
        if sent:
            connection.received(sent)
        stop = asyncio.create_task(worker._shutdown())
        await asyncio.sleep(0.1)
        assert not client.closed.is_set()
        connection.received(REQUEST[len(sent) :])
        await client.closed.wait()
        assert client.received.endswith(b"hello")
        connection.connection_lost(None)
        await stop

    run(body)


def test_a_connection_that_never_sends_a_request_does_not_hold_a_stop_up_for_long() -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        connection = connect(worker, client)
        begin = worker.loop.time()
        stop = asyncio.create_task(worker._shutdown())
        await client.closed.wait()
        connection.connection_lost(None)
        await stop
        assert worker.loop.time() - begin < worker.cfg.graceful_timeout / 3

    run(body)


@pytest.mark.parametrize("signal", ["handle_exit_signal", "handle_quit_signal"])
def test_a_signal_ends_the_wait_of_the_worker_at_once(signal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Server:
        def close(self) -> None: ...

        async def wait_closed(self) -> None: ...

    async def create_server(*_arguments: object, **_options: object) -> Server:
        return Server()

    sleep = asyncio.sleep

    async def sleep_for_good(seconds: float) -> None:
        await (sleep(0) if seconds < 1 else asyncio.Event().wait())

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


def test_a_worker_that_has_answered_as_many_requests_as_it_may_ends() -> None:
    async def body(worker: Refusing) -> None:
        worker.max_requests = 2
        client = Client()
        connection = connect(worker, client)
        connection.received(REQUEST)
        await until(lambda: connection.idle)
        assert b"connection: close" not in client.received
        connection.received(REQUEST)
        await client.closed.wait()
        assert client.received.count(b"hello") == 2
        assert b"connection: close" in client.received
        assert not worker.alive

    run(body)


def test_connections_are_counted_for_the_stop_that_waits_for_them() -> None:
    async def body(worker: Refusing) -> None:
        connections = [connect(worker, Client()) for _ in range(2)]
        assert worker.nr_conns == 2
        for connection in connections:
            connection.connection_lost(None)
        assert worker.nr_conns == 0

    run(body)


def test_gunicorns_own_log_of_requests_is_written_if_it_is_set(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def body(worker: Refusing) -> None:
        worker.cfg.set("accesslog", str(log))
        worker.cfg.set("access_log_format", '%(m)s %(U)s "%(q)s" %(H)s %(s)s %(B)s %({accept}i)s %({server}o)s')
        worker.log.setup(worker.cfg)
        connection = connect(worker, Client())
        connection.received(b"GET /a%20b?c=d HTTP/1.1\r\nhost: x\r\naccept: e\r\n\r\n")
        await until(lambda: connection.idle)

    run(body)
    assert log.read_text() == 'GET /a b "c=d" HTTP/1.1 200 5 e -\n'


@pytest.mark.live
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
            [connection] = worker.connections.all
            assert type(connection) is Connection
            server.close()
            await server.wait_closed()
            writer.close()
            await until(lambda: not worker.connections.all)

    run(body)


@pytest.mark.live
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_request_under_tls_is_answered(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate", tmp_path / "key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=PATIENCE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def body(worker: Refusing) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = await worker.loop.create_server(lambda: ASGIProtocol(worker), sock=listening, ssl=context)
            trusting = ssl.create_default_context(cafile=certificate)
            host, port = listening.getsockname()
            reader, writer = await asyncio.open_connection(host, port, ssl=trusting, server_hostname="localhost")
            writer.write(REQUEST)
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
            server.close()
            writer.close()
            await until(lambda: not worker.connections.all)

    run(body)


def _backlog(listening: socket.socket) -> int:
    """How many connections the kernel queues: of a listening socket, ``tcpi_sacked`` of its ``tcp_info``."""
    return int(struct.unpack_from("=8B5I", listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64))[12])
