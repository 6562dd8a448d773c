"""Requests are sent over connections that are kept, and answers are read to their end or the connection closed."""

from __future__ import annotations

import asyncio
import gzip
import socket
from pathlib import Path
from typing import Any

import pytest

from app.engines.transport.http import answer as answers
from app.engines.transport.http import client as clients
from app.engines.transport.http.answer import Answer, Times
from app.engines.transport.http.client import Client
from app.engines.transport.http.errors import HttpError, Late, Lost, Malformed, NotConnected, Stale
from app.engines.transport.http.request import Target

from ....patience import PATIENCE, until
from .peer import OK, WHOLE, Line, always, ask, peer, run, times, whole

pytestmark = pytest.mark.live

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


async def failure(client: Client, target: Target, within: Times | None = None) -> HttpError:
    with pytest.raises(HttpError) as caught:
        await whole(await ask(client, target, within=within))
    return caught.value


def test_a_request_arrives_as_it_was_sent_and_its_answer_as_well() -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def serve(line: Line) -> None:
        seen.append(await line.request())
        await line.send(b"HTTP/1.1 404 Not Found\r\nX-A: b\r\nx-a: c\r\nContent-Length: 2\r\n\r\nno")

    async def test() -> None:
        async with peer(serve) as (server, client):
            answer = await ask(client, server.target, b'{"a": 1}')
            assert (answer.status, answer.fields["x-a"], await whole(answer)) == (404, "b", b"no")
            host = f"{server.target.origin.host}:{server.target.origin.port}".encode()
            assert seen[-1][0].startswith(b"POST /v1/x HTTP/1.1\r\nHost: " + host + b"\r\nX: y\r\n")
            assert seen[-1][1] == b'{"a": 1}'

    run(test)


def test_a_connection_is_used_for_one_request_after_the_other_and_two_for_two_at_once() -> None:
    async def test() -> None:
        async with peer(always) as (server, client):
            for _ in range(5):
                assert await whole(await ask(client, server.target)) == b"Hello"
            assert len(server.lines) == 1
            both = await asyncio.gather(*(ask(client, server.target) for _ in range(2)))
            assert [await whole(each) for each in both] == [b"Hello"] * 2
            assert len(server.lines) == 2

    run(test)


UNKEPT = [
    OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nHello",
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nHello",
    WHOLE + WHOLE,
    WHOLE + b"more",
]


@pytest.mark.parametrize("sent", UNKEPT, ids=range(len(UNKEPT)))
def test_a_connection_that_cannot_be_used_again_is_closed(sent: bytes) -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.send(sent)
        await line.gone()

    async def test() -> None:
        async with peer(serve) as (server, client):
            for number in range(2):
                assert await whole(await ask(client, server.target)) == b"Hello"
                assert len(server.lines) == number + 1
            await until(lambda: all(line.closed for line in server.lines))

    run(test)


def test_what_a_server_sends_unasked_closes_the_connection() -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.send(WHOLE)
        await asyncio.sleep(0.01)
        await line.send(WHOLE.replace(b"Hello", b"Trick"))
        await line.gone()

    async def test() -> None:
        async with peer(serve) as (server, client):
            assert await whole(await ask(client, server.target)) == b"Hello"
            await until(lambda: server.lines[0].closed)
            assert await whole(await ask(client, server.target)) == b"Hello"
            assert len(server.lines) == 2

    run(test)


def test_a_kept_connection_that_the_server_closes_is_replaced_without_a_failure() -> None:
    async def once(line: Line) -> None:
        await line.request()
        await line.send(WHOLE)
        await line.request()
        line.close()  # instead of an answer

    async def test() -> None:
        async with peer(once) as (server, client):
            for _ in range(3):
                assert await whole(await ask(client, server.target)) == b"Hello"
            assert len(server.lines) == 3

    run(test)


def test_a_server_that_closes_all_kept_connections_is_not_asked_for_ever() -> None:
    async def test() -> None:
        replies = True

        async def serve(line: Line) -> None:
            while True:
                await line.request()
                if not replies:
                    line.close()
                    return
                await line.send(WHOLE)

        async with peer(serve) as (server, client):
            for each in await asyncio.gather(*(ask(client, server.target) for _ in range(9))):
                assert await whole(each) == b"Hello"
            replies = False
            assert type(await failure(client, server.target)) is Stale
            assert len(server.lines) == 9

    run(test)


def test_a_new_connection_that_is_closed_is_lost_and_not_asked_again() -> None:
    for begin in (b"", b"HTTP/1.1 2", OK + b"Content-Length: 9\r\n\r\nHello", CHUNKED + b"5\r\nHello\r\n"):

        async def serve(line: Line, begin: bytes = begin) -> None:
            await line.request()
            await line.send(begin)
            line.close()

        async def test(serve: Any = serve) -> None:
            async with peer(serve) as (server, client):
                assert type(await failure(client, server.target)) is Lost
                assert len(server.lines) == 1

        run(test)


def test_a_body_may_end_with_its_connection() -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.send(OK + b"\r\n", b"Hel", b"lo")
        line.close()

    async def test() -> None:
        async with peer(serve) as (server, client):
            assert await whole(await ask(client, server.target)) == b"Hello"

    run(test)


def test_what_has_arrived_before_a_failure_is_read_first() -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.send(CHUNKED + b"5\r\nHello\r\nxyz\r\n")
        await line.gone()

    async def test() -> None:
        async with peer(serve) as (server, client):
            answer = await ask(client, server.target)
            assert await answer.read() == b"Hello"
            with pytest.raises(Malformed):
                await answer.read()

    run(test)


def test_nobody_listens() -> None:
    async def test() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            client = Client()
            gone = await failure(client, Target(f"http://127.0.0.1:{free.getsockname()[1]}/"))
        assert isinstance(gone, NotConnected)
        assert gone.reason == "no connection: ECONNREFUSED"
        for name in ("a.invalid", "x" * 80 + ".invalid"):
            nameless = await failure(client, Target(f"http://{name}/"))
            assert isinstance(nameless, NotConnected)
            assert nameless.reason == "its name has no address"
        nowhere = await failure(Client("/nonexistent/socket"), Target("http://x/"))
        assert isinstance(nowhere, NotConnected)
        assert nowhere.reason == "no connection: ENOENT"

    run(test)


def test_a_server_that_accepts_no_connection_in_time_is_not_waited_for() -> None:
    async def test() -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            target = Target(f"http://127.0.0.1:{full.getsockname()[1]}/")
            waiting = [socket.socket() for _ in range(4)]
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            slow = await failure(Client(), target, times(connected=0.05))
            assert isinstance(slow, NotConnected)
            assert slow.reason == "no connection in time"
            assert type(await failure(Client(), target, times(begun=0.05))) is Late
            for each in waiting:
                each.close()

    run(test)


def test_over_a_unix_socket_no_connection_is_kept(tmp_path: Path) -> None:
    async def test() -> None:
        async with peer(always, socket=tmp_path / "s") as (server, client):
            for _ in range(3):
                assert await whole(await ask(client, server.target)) == b"Hello"
            assert len(server.lines) == 3
            await until(lambda: all(line.closed for line in server.lines))

    run(test)


STALLS: list[tuple[bytes, dict[str, float]]] = [
    (b"", {"begun": 0.05}),
    (b"HTTP/1.1 100 Continue\r\n\r\n", {"begun": 0.05}),
    (OK + b"Content-Length: 9\r\n\r\n", {"begun": 0.05}),
    (OK + b"Content-Length: 9\r\n\r\nHello", {"idle": 0.05}),
    (OK + b"Content-Length: 9\r\n\r\nHello", {"begun": 0.05, "idle": 0.1}),
    (OK + b"Content-Length: 9\r\n\r\nHello", {"complete": 0.05}),
]


@pytest.mark.parametrize(("begin", "within"), STALLS, ids=range(len(STALLS)))
def test_a_server_that_stalls_is_late_and_its_connection_closed(begin: bytes, within: dict[str, float]) -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.send(begin)
        await line.gone()

    async def test() -> None:
        async with peer(serve) as (server, client):
            assert type(await failure(client, server.target, times(**within))) is Late
            # On a slow machine the client may be late before its connection has been accepted.
            await until(lambda: bool(server.lines) and server.lines[0].closed)

    run(test)


def test_a_slow_body_is_read_and_a_busy_reader_is_not_late() -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.send(CHUNKED)
        for _ in range(4):
            await line.send(b"1\r\na\r\n")
            await asyncio.sleep(0.05)
        await line.send(b"0\r\n\r\n")
        await line.gone()

    async def test() -> None:
        async with peer(serve) as (server, client):
            answer = await ask(client, server.target, within=times(begun=10.0, idle=0.5))
            first = await answer.read()
            await asyncio.sleep(1.0)  # longer than the idle time
            assert first + await whole(answer) == b"aaaa"

    run(test)


def test_a_head_and_a_body_may_come_byte_by_byte() -> None:
    async def serve(line: Line) -> None:
        while True:
            await line.request()
            for number in range(len(WHOLE)):
                await line.send(WHOLE[number : number + 1])
                await asyncio.sleep(0)

    async def test() -> None:
        async with peer(serve) as (server, client):
            for _ in range(2):
                assert await whole(await ask(client, server.target)) == b"Hello"
            assert len(server.lines) == 1

    run(test)


@pytest.mark.parametrize("begin", [b"", OK + b"Content-Length: 9\r\n\r\nHello"], ids=["head", "body"])
def test_cancelling_closes_the_connection(begin: bytes) -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.send(begin)
        await line.gone()

    async def test() -> None:
        async with peer(serve) as (server, client):

            async def use() -> None:
                answer = await ask(client, server.target)
                try:
                    await whole(answer)
                finally:
                    answer.close()

            task = asyncio.create_task(use())
            await until(lambda: server.lines)
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: server.lines[0].closed)

    run(test)


async def streamed(line: Line) -> None:
    """What a stream is: its end arrives after what its reader takes for the end."""
    while True:
        await line.request()
        await line.send(CHUNKED + b"6\r\n[DONE]\r\n")
        await asyncio.sleep(0.01)
        await line.send(b"0\r\n\r\n")


def test_after_an_answer_that_was_left_the_connection_is_used_again() -> None:
    async def test() -> None:
        async with peer(streamed) as (server, client):
            for _ in range(3):
                answer = await ask(client, server.target)
                assert await answer.read() == b"[DONE]"
                answer.leave()
                answer.close()
                await until(lambda answer=answer: answer.closed)  # type: ignore[misc]
            assert len(server.lines) == 1

    run(test)


def test_an_answer_that_was_left_and_has_no_end_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_TAIL_SECONDS", 0.05)

    async def serve(line: Line) -> None:
        await line.request()
        await line.send(CHUNKED)
        while not line.closed:
            await line.send(b"400\r\n" + b"a" * 1024 + b"\r\n")
            await asyncio.sleep(0)

    async def test() -> None:
        async with peer(serve) as (server, client):
            answer = await ask(client, server.target)
            await answer.read()
            answer.leave()
            answer.close()
            await until(lambda: answer.closed and server.lines[0].closed)

    run(test)


def test_a_reader_that_is_slow_makes_the_server_wait() -> None:
    async def test() -> None:
        sent = 0

        async def serve(line: Line) -> None:
            nonlocal sent
            await line.request()
            await line.send(OK + b"Content-Length: %d\r\n\r\n" % (64 << 20))
            for _ in range(64):
                await line.send(bytes(1 << 20))
                sent += 1 << 20
            await line.gone()

        async with peer(serve) as (server, client):
            answer = await ask(client, server.target)
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.2)
            assert sent < 32 << 20, "the rest waits: the kernel's buffers hold a few megabytes"
            assert sum(map(len, answer._pieces)) < 1 << 18
            assert len(await whole(answer)) == 64 << 20

    run(test)


def test_a_large_request_is_written_piece_by_piece() -> None:
    body = bytes(range(256)) * (1 << 15)

    async def serve(line: Line) -> None:
        while True:
            _, read = await line.request()
            await line.send(OK + b"Content-Length: 1\r\n\r\n" + (b"y" if read == body else b"n"))

    async def test() -> None:
        async with peer(serve) as (server, client):
            for _ in range(2):
                assert await whole(await ask(client, server.target, body)) == b"y"
            assert len(server.lines) == 1

    run(test)


def test_an_answer_to_a_large_request_may_come_before_its_end_and_the_connection_is_closed() -> None:
    async def serve(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        await asyncio.sleep(PATIENCE)

    async def test() -> None:
        async with peer(serve) as (server, client):
            answer = await ask(client, server.target, bytes(64 << 20))
            assert (answer.status, await whole(answer)) == (413, b"no")
            assert not any(client._free.values())

    run(test)


def test_a_body_that_came_compressed_is_decompressed() -> None:
    text = b"Hello there! " * 100_000
    packed = gzip.compress(text)

    async def serve(line: Line) -> None:
        while True:
            head, _ = await line.request()
            coding = b"br" if head.startswith(b"GET") else b"gzip"
            await line.send(OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding, len(packed)), packed)

    async def test() -> None:
        async with peer(serve) as (server, client):
            assert await whole(await ask(client, server.target)) == text
            with pytest.raises(Malformed):
                await ask(client, server.target, None)

    run(test)


def test_a_connection_that_is_not_used_for_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_KEPT", 0.1)

    async def test() -> None:
        async with peer(always) as (server, client):
            for each in await asyncio.gather(*(ask(client, server.target) for _ in range(3))):
                await whole(each)
            await until(lambda: all(line.closed for line in server.lines))
            assert (client._free, client._sweep) == ({}, None)
            assert await whole(await ask(client, server.target)) == b"Hello"

    run(test)


def test_closing_the_client_ends_what_still_waits() -> None:
    async def serve(line: Line) -> None:
        await line.request()
        await line.gone()

    async def test() -> None:
        async with peer(serve) as (server, client):
            asking = asyncio.create_task(failure(client, server.target))
            await until(lambda: server.lines)
            await asyncio.sleep(0.02)
            client.close()
            assert type(await asking) is Lost
            await until(lambda: not client._all)

    run(test)


def test_connections_that_are_closed_at_once_leave_nothing_behind() -> None:
    async def serve(line: Line) -> None:
        line.close()

    async def test() -> None:
        async with peer(serve) as (server, client):
            for _ in range(20):
                assert type(await failure(client, server.target)) is Lost
            await until(lambda: not client._all)

    run(test)


def test_two_readers_of_two_answers_do_not_disturb_each_other() -> None:
    async def serve(line: Line) -> None:
        while True:
            _, body = await line.request()
            await line.send(CHUNKED)
            for _ in range(100):
                await line.send(b"%x\r\n%b\r\n" % (len(body), body))
                await asyncio.sleep(0)
            await line.send(b"0\r\n\r\n")

    async def test() -> None:
        async with peer(serve) as (server, client):
            bodies = [b"%d" % number * 10 for number in range(9)]
            got: list[Answer] = await asyncio.gather(*(ask(client, server.target, body) for body in bodies))
            assert await asyncio.gather(*map(whole, got)) == [body * 100 for body in bodies]

    run(test)
