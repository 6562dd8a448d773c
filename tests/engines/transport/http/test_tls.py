"""Over TLS a server is who it says, or gets no request."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.engines.transport.http import connecting
from app.engines.transport.http.errors import NotConnected
from app.engines.transport.http.request import Target

from ....patience import until
from .peer import Line, always, ask, peer, run, times, whole

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate"),
]


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context for ``localhost``, whose certificate the client trusts."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    connecting._tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    """What one test trusts, others do not."""
    yield
    connecting._tls.cache_clear()


def test_a_server_that_is_trusted_is_asked_over_a_connection_that_is_kept(tls: ssl.SSLContext) -> None:
    async def test() -> None:
        async with peer(always, tls=tls) as (server, client):
            for body in (b"{}", b"{}", bytes(4 << 20)):
                assert await whole(await ask(client, server.target, body)) == b"Hello"
            assert len(server.lines) == 1

    run(test)


def test_a_large_answer_arrives_whole(tls: ssl.SSLContext) -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 << 20), bytes(8 << 20))
        await line.gone()

    async def test() -> None:
        async with peer(serve, tls=tls) as (server, client):
            assert await whole(await ask(client, server.target)) == bytes(8 << 20)

    run(test)


def test_a_server_by_another_name_is_an_impostor(tls: ssl.SSLContext) -> None:
    async def test() -> None:
        async with peer(always, tls=tls) as (server, client):
            with pytest.raises(NotConnected) as caught:
                await ask(client, Target(f"https://127.0.0.1:{server.target.origin.port}/"))
            assert caught.value.untrusted
            connecting._tls.cache_clear()

    run(test)


def test_a_connection_that_closes_while_it_is_read_is_closed_at_both_ends(tls: ssl.SSLContext) -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHello")
        await line.gone()

    async def test() -> None:
        async with peer(serve, tls=tls) as (server, client):
            answer = await ask(client, server.target)
            assert await answer.read() == b"Hello"
            answer.close()
            await until(lambda: server.lines[0].closed)

    run(test)


def test_a_server_that_does_not_finish_the_handshake_is_not_waited_for(tls: ssl.SSLContext) -> None:
    async def serve(line: Line) -> None:
        await line.gone()

    async def test() -> None:
        async with peer(serve) as (server, client):
            target = Target(f"https://localhost:{server.target.origin.port}/")
            with pytest.raises(NotConnected) as caught:
                await ask(client, target, within=times(connected=0.2))
            assert (caught.value.reason, caught.value.untrusted) == ("no connection in time", False)

    run(test)
