"""A connection serves one request after the other, within bounds of time and memory."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import socket
import time
import weakref
from importlib.util import find_spec

import pytest
from starlette.types import Receive, Scope, Send

from app.http1 import connection
from app.http1.connection import READ_AHEAD, Connection

from .connecting import REQUEST, Client, Refusing, connect, hello, run, until

CODED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: %s\r\n\r\n0\r\n\r\n"


async def eager(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends its answer in two pieces, and reads no body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"1", "more_body": True})
    await send({"type": "http.response.body", "body": b"2"})


def test_a_request_reaches_the_application_and_the_connection_is_idle_before_and_after_it() -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        await until(lambda: served.idle)
        served.received(REQUEST)
        assert not served.idle
        await until(lambda: client.received.endswith(b"hello"))
        await until(lambda: served.idle)

    run(body)


def test_a_connection_is_not_idle_while_its_request_is_served() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.received(REQUEST)
        await begun.wait()
        assert not served.idle
        go_on.set()
        await until(lambda: served.idle)

    run(body, slow)


def test_nor_is_it_while_a_request_that_is_answered_still_runs() -> None:
    go_on = asyncio.Event()

    async def lingering(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        await go_on.wait()

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.received(REQUEST)
        await until(lambda: client.received.endswith(b"hello"))
        assert not served.idle
        go_on.set()
        await until(lambda: served.idle)

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
        (CODED % b"gzip, chunked", 501, b"HTTP/1.1 501 Not Implemented"),
        (CODED % b"gzip\r\ntransfer-encoding: chunked", 501, b"HTTP/1.1 501 Not Implemented"),
        (CODED % b"br, chunked", 501, b"HTTP/1.1 501 Not Implemented"),
    ],
    ids=["no HTTP", "long path", "long header", "long number", "gzip", "gzip in a field of its own", "br"],
)
def test_what_the_http_server_refuses_is_told_by_the_worker(sent: bytes, status: int, line: bytes) -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        connect(worker, client).received(sent)
        await client.closed.wait()
        head, _, content = client.received.partition(b"\r\n\r\n")
        *lines, date = head.split(b"\r\n")
        assert lines == [line, b"x-refused: %d" % status, b"connection: close"]
        assert date.startswith(b"date: ")
        assert content == b"no"

    run(body)


def test_a_body_in_chunks_alone_is_served() -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        connect(worker, client).received(CODED % b"Chunked")
        await until(lambda: client.received.endswith(b"hello"))

    run(body)


def test_a_client_that_is_refused_while_it_sends_can_read_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FLUSH_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        client = Client(half_closes=True)
        served = connect(worker, client)
        served.received(CODED % b"gzip, chunked")
        answer = client.received
        served.received(b"more of the body")
        assert client.half_closed
        assert not client.closed.is_set()
        assert client.received == answer
        await client.aborted.wait()  # in the end, if it does not close the connection

    run(body)


@pytest.mark.parametrize("kind", ["asyncio", "auto"])
@pytest.mark.parametrize("more", [b"x" * 17_000, REQUEST * 700, b"x" * 1_000_000])
def test_a_client_that_sends_more_than_its_last_request_gets_the_answer_and_no_reset(kind: str, more: bytes) -> None:
    async def body(worker: Refusing) -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)
        await worker.loop.connect_accepted_socket(lambda: Connection(worker), ours)
        writer.write(REQUEST[:-2] + b"connection: close\r\n\r\n" + more)
        await asyncio.sleep(0.01)
        answer = await reader.read()
        assert answer.count(b"HTTP/1.1 200 OK") == 1
        assert answer.endswith(b"hello")
        writer.close()
        await until(lambda: not worker.connections.all)

    run(body, kind=kind)


@pytest.mark.parametrize("begun", [False, True])
def test_a_request_that_is_given_up_is_no_failure_of_the_application(
    begun: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if begun:
            await send({"type": "http.response.body", "body": b"1", "more_body": True})
        await asyncio.Event().wait()

    async def body(worker: Refusing) -> None:
        before, client = asyncio.all_tasks(), Client()
        connect(worker, client).received(REQUEST)
        (task,) = asyncio.all_tasks() - before
        await asyncio.sleep(0)
        task.cancel()
        await client.closed.wait()
        if begun:
            assert client.received.endswith(b"\r\n\r\n1\r\n1\r\n")
        else:
            assert client.received.startswith(
                b"HTTP/1.1 503 Service Unavailable\r\nx-refused: 503\r\nretry-after: 1\r\n"
            )

    caplog.set_level("DEBUG", "gunicorn.error")
    run(body, endless)
    assert not caplog.records


def test_a_request_that_cancels_something_of_its_own_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async def body(worker: Refusing) -> None:
        client = Client()
        connect(worker, client).received(REQUEST)
        await client.closed.wait()
        assert client.received.startswith(b"HTTP/1.1 500 ")

    run(body, faulty)
    assert [record.message for record in caplog.records] == ["Error in ASGI application"]


def test_what_is_logged_is_what_was_sent() -> None:
    statuses = []

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": []})
        while (await receive()).get("more_body"):
            pass

    async def body(worker: Refusing) -> None:
        worker.answered = lambda cycle: statuses.append(cycle.status)  # type: ignore[method-assign]
        refused = connect(worker, Client())
        refused.received(CODED[:-5] % b"chunked")
        await asyncio.sleep(0)
        refused.received(b"no size\r\n")
        left = connect(worker, Client())
        left.received(CODED[:-5] % b"chunked")
        await asyncio.sleep(0)
        left.connection_lost(None)
        await until(lambda: len(statuses) == 2)

    run(body, reads)
    assert statuses == [400, 202]


def test_a_stop_waits_a_moment_only_for_a_client_that_does_not_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_DUE_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        client = Client(half_closes=True)
        served = connect(worker, client)
        served.received(REQUEST)
        worker.alive = False
        served.stop()
        await until(lambda: client.half_closed)
        assert client.received.endswith(b"hello")
        assert not client.aborted.is_set()
        await client.aborted.wait()

    run(body)


def test_a_connection_that_is_made_while_the_worker_stops_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_DUE_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        worker.alive = False
        client = Client()
        connect(worker, client)
        await client.closed.wait()

    run(body)


def test_a_stop_does_not_wait_for_it() -> None:
    async def body(worker: Refusing) -> None:
        client = Client(half_closes=True)
        served = connect(worker, client)
        served.received(b"no http at all\r\n\r\n")
        assert served.idle
        served.end()
        assert client.aborted.is_set()

    run(body)


def test_a_request_for_a_websocket_is_served_as_a_plain_one() -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: "
        request = b"GET / HTTP/1.1\r\nhost: x\r\n" + upgrade + b"MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        connect(worker, client).received(request)
        await until(lambda: client.received.endswith(b"hello"))
        assert client.received.startswith(b"HTTP/1.1 200 ")

    run(body)


def test_a_client_that_never_sends_a_request_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.received(REQUEST[:9])
        await client.closed.wait()
        assert client.received.startswith(b"HTTP/1.1 408 Request Timeout\r\nx-refused: 408\r\n")
        await until(lambda: served._task is None)

    run(body)


def test_one_that_has_sent_its_head_has_the_time_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        client, later = Client(), Client()
        connect(worker, client).received(REQUEST)
        connect(worker, later)
        await later.closed.wait()
        assert not client.closed.is_set()

    run(body)


def test_what_a_client_does_not_read_is_dropped_once_its_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FLUSH_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        client = Client(unread=1)
        connect(worker, client).received(b"no http at all\r\n\r\n")
        await client.aborted.wait()

    run(body)


# -- clients that do not read ------------------------------------------------------------------------------------


def test_the_application_waits_while_a_client_does_not_read_and_goes_on_when_it_does() -> None:
    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.pause_writing()
        served.received(REQUEST)
        await until(lambda: client.received.endswith(b"1"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert client.received.endswith(b"\r\n\r\n1")
        served.resume_writing()
        await until(lambda: client.received.endswith(b"\r\n\r\n12"))

    run(body, eager)


def test_a_transport_tells_of_every_byte_that_its_client_has_not_taken() -> None:
    limits: list[int | None] = []

    class Told(Client):
        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            limits.append(high)

    async def body(worker: Refusing) -> None:
        connect(worker, Told())
        assert limits[-1] == 1

    run(body)


def test_a_client_that_does_not_read_is_dropped_in_time_and_one_that_has_read_is_not() -> None:
    async def body(worker: Refusing) -> None:
        worker.write_timeout = 0.01
        reads, does_not = Client(), Client()
        served = connect(worker, reads)
        served.pause_writing()
        served.resume_writing()
        connect(worker, does_not).pause_writing()
        await does_not.aborted.wait()
        assert not reads.aborted.is_set()

    run(body)


def test_what_writes_to_a_client_that_has_gone_does_not_wait() -> None:
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await eager(scope, receive, send)
        ended.set()

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.pause_writing()
        served.received(REQUEST)
        await until(lambda: client.received.endswith(b"1"))
        served.connection_lost(None)
        await ended.wait()
        await until(lambda: served._task is None)
        assert not worker.connections.all

    run(body, app)


def test_requests_are_read_ahead_within_a_bound_and_all_are_answered() -> None:
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        sent = 1
        served.received(REQUEST)
        while not client.paused:
            assert served.held <= READ_AHEAD + connection._REQUEST
            served.received(REQUEST * 100)
            sent += 100
        go_on.set()
        await until(lambda: client.received.count(b"hello") == sent)
        assert not client.paused

    run(body, slow)


def test_two_that_wait_for_a_client_to_read_both_go_on() -> None:
    sent = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def say(text: bytes) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": True})
            sent.append(text)

        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await asyncio.gather(say(b"one"), say(b"two"))
        await say(b"end")

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.pause_writing()
        served.received(REQUEST)
        await until(lambda: client.received.endswith(b"two"))
        served.resume_writing()
        await until(lambda: len(sent) == 3)

    run(body, app)


def test_a_body_that_comes_byte_by_byte_and_is_not_read_takes_no_more_time_for_each_byte() -> None:
    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def body(worker: Refusing) -> None:
        served = connect(worker, Client())
        served.received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n")
        times = []
        for _ in range(6):
            begin = time.process_time()
            for _ in range(9_000):
                served.get_buffer(-1)
                served.received(b"x")
            times.append(time.process_time() - begin)
        # It was quadratic: the last ones took eleven times as long as the first.
        assert min(times[3:]) < 4 * times[0]

    run(body, deaf)


@pytest.mark.parametrize("kind", ["asyncio", "auto"])
def test_no_request_sees_what_the_application_has_set_for_another(kind: str) -> None:
    said: contextvars.ContextVar[str] = contextvars.ContextVar("said", default="nothing")
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(said.get())
        said.set(scope["path"])
        while (await receive()).get("more_body"):
            pass
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        client = Client()
        connect(worker, client).received(REQUEST * 3)
        await until(lambda: client.received.count(b"hello") == 3)
        assert seen == ["nothing"] * 3

    run(body, app, kind=kind)


@pytest.mark.parametrize("kind", ["asyncio", "auto"])
def test_an_idle_connection_keeps_nothing_of_its_last_request(kind: str) -> None:
    class Large: ...

    said: contextvars.ContextVar[Large] = contextvars.ContextVar("said")
    left: list[weakref.ref[Large]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        said.set(Large())
        left.append(weakref.ref(said.get()))
        while (await receive()).get("more_body"):
            pass
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            each.setblocking(False)
        await worker.loop.connect_accepted_socket(lambda: Connection(worker), ours)
        head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n"
        for _ in range(2):
            sending = worker.loop.create_task(worker.loop.sock_sendall(theirs, head + bytes(300_000)))
            answer = b""
            while not answer.endswith(b"hello"):
                answer += await worker.loop.sock_recv(theirs, 1 << 16)
            await sending
        [connection] = worker.connections.all
        await until(lambda: connection.idle)
        await asyncio.sleep(0.01)
        gc.collect()
        assert [each() for each in left] == [None, None]
        theirs.close()
        await until(lambda: not worker.connections.all)

    run(body, app, kind=kind)


def test_a_connection_is_kept_for_as_long_as_is_set_and_no_longer() -> None:
    async def body(worker: Refusing) -> None:
        worker.keep_alive = 0.1
        client = Client()
        begin = time.monotonic()
        connect(worker, client).received(REQUEST)
        await client.closed.wait()
        assert client.received.endswith(b"hello")
        # The loop counts whole milliseconds, from the beginning of its turn.
        assert 0.05 <= time.monotonic() - begin < 30

    run(body)


def test_a_head_that_begins_just_before_that_may_still_be_completed() -> None:
    async def body(worker: Refusing) -> None:
        worker.keep_alive = 0.02
        client = Client()
        served = connect(worker, client)
        served.received(REQUEST)
        await until(lambda: served.idle)
        served.received(REQUEST[:9])
        await asyncio.sleep(0.1)
        served.received(REQUEST[9:])
        await until(lambda: client.received.count(b"hello") == 2)

    run(body)


def test_one_that_begins_together_with_the_request_before_has_the_same_time() -> None:
    async def body(worker: Refusing) -> None:
        worker.keep_alive = 0.01
        client = Client()
        served = connect(worker, client)
        served.received(REQUEST + REQUEST[:5])
        await until(lambda: client.received.endswith(b"hello"))
        await asyncio.sleep(0.05)
        served.received(REQUEST[5:])
        await until(lambda: client.received.count(b"hello") == 2)

    run(body)


def test_an_answer_that_a_client_has_not_read_is_not_cut_by_a_stop() -> None:
    async def body(worker: Refusing) -> None:
        client = Client(half_closes=True)
        served = connect(worker, client)
        served.received(REQUEST[:-2] + b"connection: close\r\n\r\n")
        served.pause_writing()
        await until(lambda: client.received.endswith(b"hello"))
        served.resume_writing()
        served.pause_writing()  # it has read only a part
        await until(lambda: served.closed)
        assert not served.idle
        served.stop()
        worker.connections.make_room()
        assert not client.aborted.is_set()
        served.resume_writing()
        assert served.idle
        served.stop()
        await client.aborted.wait()

    run(body)


def test_a_client_that_has_reset_the_connection_while_it_is_refused_is_let_go() -> None:
    class Reset(Client):
        def write_eof(self) -> None:
            raise OSError(107, "not connected")

    async def body(worker: Refusing) -> None:
        client = Reset(half_closes=True)
        connect(worker, client).received(b"no http at all\r\n\r\n")
        assert client.aborted.is_set()

    run(body)


# -- too many connections ----------------------------------------------------------------------------------------


def test_for_a_new_connection_the_one_that_is_idle_for_longest_is_closed() -> None:
    async def body(worker: Refusing) -> None:
        worker.connections.most = 2
        first, idle, new = Client(), Client(), Client()
        served = connect(worker, first)
        connect(worker, idle)
        served.received(REQUEST)
        await until(lambda: first.received.endswith(b"hello") and served.idle)
        connect(worker, new)
        assert [client.closed.is_set() for client in (first, idle, new)] == [False, True, False]

    run(body)


def test_when_none_is_idle_a_new_one_is_told_so_once_it_has_asked() -> None:
    begun = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def body(worker: Refusing) -> None:
        worker.connections.most = 1
        busy, new = Client(), Client()
        connect(worker, busy).received(REQUEST)
        await begun.wait()
        begun.clear()
        served = connect(worker, new)
        assert not new.closed.is_set()
        served.received(REQUEST)
        assert new.closed.is_set()
        assert new.received.startswith(b"HTTP/1.1 503 Service Unavailable\r\nx-refused: 503\r\nretry-after: 1\r\n")
        await until(lambda: served._task is None)
        assert not begun.is_set()
        assert not busy.closed.is_set()

    run(body, endless)


def test_one_that_does_not_ask_is_let_go_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FLUSH_SECONDS", 0.01)

    async def body(worker: Refusing) -> None:
        worker.connections.most = 0
        client = Client()
        connect(worker, client)
        await client.closed.wait()

    run(body)


LOOPS = ["asyncio", pytest.param("uvloop", marks=pytest.mark.skipif(find_spec("uvloop") is None, reason="no uvloop"))]


@pytest.mark.live
@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize(
    ("framing", "end", "largest"),
    [
        (b"content-length: %d\r\n\r\n", b"", READ_AHEAD),
        # All chunks of what is read are parsed at a time, and there may be thousands.
        (b"transfer-encoding: chunked\r\n\r\n%x\r\n", b"\r\n0\r\n\r\n", connection._READ_AT_ONCE),
    ],
)
def test_a_body_is_read_in_pieces_and_others_are_served_in_between(
    kind: str, framing: bytes, end: bytes, largest: int
) -> None:
    length, sizes, turns = 1 << 19, list[int](), list[int]()

    class Counting(Connection):
        def received(self, data: bytes) -> None:
            sizes.append(len(data))
            turns.append(turn)
            super().received(data)

    turn = 0

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        def count() -> None:
            nonlocal turn
            turn += 1
            counting = worker.loop.call_soon(count)
            counted[:] = [counting]

        counted: list[asyncio.Handle] = []
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * length)
            each.setblocking(False)
        head = b"POST / HTTP/1.1\r\nhost: x\r\n" + framing % length
        sending = worker.loop.create_task(worker.loop.sock_sendall(theirs, head + bytes(length) + end))
        await asyncio.sleep(0.01)
        count()
        await worker.loop.connect_accepted_socket(lambda: Counting(worker), ours)
        answer = b""
        while not answer.endswith(b"hello"):
            answer += await worker.loop.sock_recv(theirs, 1 << 16)
        counted[0].cancel()
        await sending
        theirs.close()

    run(body, reading, kind=kind)
    assert sum(sizes) > length
    assert max(sizes) == largest
    assert len(set(turns)) == len(turns), "one piece in each turn of the event loop"
