"""An answer is framed as its request, its status and its headers want it, and cannot break out of its frame."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import pytest
from starlette.types import Message, Receive, Scope, Send

from .connecting import Client, Refusing, connect, run, until

ASK = b"%s / HTTP/1.%d\r\nhost: x\r\n%s\r\n"


def answered(
    *messages: Message, method: bytes = b"GET", minor: int = 1, more: bytes = b""
) -> tuple[bytes, dict[bytes, bytes], bytes, bool]:
    """The first line, the headers and the body of an answer in so many messages, and whether the connection is closed
    after it."""
    found = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.received(ASK % (method, minor, more))
        await until(lambda: served.idle or client.closed.is_set())
        head, _, content = client.received.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(b": ") for field in fields)}
        assert len(headers) == len(fields)
        found.append((line, headers, content, client.closed.is_set()))

    run(body, app)
    return found[0]


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def piece(body: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def sized(size: int) -> tuple[bytes, bytes]:
    return b"content-length", str(size).encode()


def test_an_answer_of_known_length_is_sent_as_it_is() -> None:
    line, headers, body, closed = answered(start(200, sized(5), (b"X-Other", b"a, b")), piece(b"hello"))
    assert line == b"HTTP/1.1 200 OK"
    assert headers.pop(b"date").endswith(b" GMT")
    assert headers == {b"content-length": b"5", b"x-other": b"a, b", b"server": b"parley"}
    assert body == b"hello"
    assert not closed


def test_one_of_unknown_length_is_sent_in_chunks() -> None:
    _, headers, body, closed = answered(start(), piece(b"hello", more=True), piece(b"", more=True), piece(b"x" * 20))
    assert headers[b"transfer-encoding"] == b"chunked"
    assert body == b"5\r\nhello\r\n14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n"
    assert not closed


@pytest.mark.parametrize("end", [piece(), piece(b"x" * 70_000)])
def test_its_end_may_be_empty_or_large(end: Message) -> None:
    _, _, body, _ = answered(start(), piece(b"hello", more=True), end)
    large = b"11170\r\n" + end["body"] + b"\r\n" if end["body"] else b""
    assert body == b"5\r\nhello\r\n" + large + b"0\r\n\r\n"


def test_for_an_older_client_its_end_is_that_of_the_connection() -> None:
    for more in (b"", b"connection: keep-alive\r\n"):
        _, headers, body, closed = answered(start(), piece(b"hello", more=True), piece(b"!"), minor=0, more=more)
        assert b"transfer-encoding" not in headers
        assert headers[b"connection"] == b"close"
        assert (body, closed) == (b"hello!", True)


def test_an_older_client_may_keep_its_connection_and_any_client_may_close_it() -> None:
    five = start(200, sized(5)), piece(b"hello")
    _, headers, _, closed = answered(*five, minor=0, more=b"connection: keep-alive\r\n")
    assert (headers[b"connection"], closed) == (b"keep-alive", False)
    for minor, more in ((0, b""), (1, b"connection: close\r\n")):
        _, headers, _, closed = answered(*five, minor=minor, more=more)
        assert (headers[b"connection"], closed) == (b"close", True)


def test_an_application_can_close_it_too() -> None:
    _, headers, _, closed = answered(start(200, sized(0), (b"Connection", b"Close")), piece())
    assert (headers[b"connection"], closed) == (b"Close", True)


@pytest.mark.parametrize(
    ("method", "status", "length"),
    [(b"HEAD", 200, b"5"), (b"GET", 304, b"5"), (b"GET", 204, None), (b"HEAD", 204, None)],
)
def test_what_has_no_body_is_sent_without_one(method: bytes, status: int, length: bytes | None) -> None:
    _, headers, body, closed = answered(start(status, sized(5)), piece(b"hello"), method=method)
    assert headers.get(b"content-length") == length
    assert b"transfer-encoding" not in headers
    assert (body, closed) == (b"", False)
    _, headers, body, _ = answered(start(status), piece(b"hello"), method=method)
    assert not {b"content-length", b"transfer-encoding"} & set(headers)
    assert body == b""


def test_a_body_that_is_longer_than_it_says_is_cut_and_one_that_is_shorter_closes_the_connection() -> None:
    assert answered(start(200, sized(5)), piece(b"hel", more=True), piece(b"lo, everyone"))[2:] == (b"hello", False)
    assert answered(start(200, sized(5)), piece(b"hel"))[2:] == (b"hel", True)


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\0"),
        (b"x: y\r\nz", b"a"),
        (b"x y", b"a"),
        (b"x:", b"a"),
        (b"", b"a"),
        (b"\xe4", b"a"),
        (b"content-length", b"-5"),
        (b"content-length", b"1_0"),
        (b"content-length", b""),
    ],
)
def test_a_header_that_would_break_out_of_its_line_is_an_error_of_the_application(header: tuple[bytes, bytes]) -> None:
    line, headers, body, closed = answered(start(200, header), piece(b"hello"))
    assert line == b"HTTP/1.1 500 Internal Server Error"
    assert headers[b"x-refused"] == b"500"
    assert (body, closed) == (b"no", True)


def test_an_answer_has_one_length() -> None:
    line, *_ = answered(start(200, sized(5), sized(6)), piece(b"hello"))
    assert line == b"HTTP/1.1 500 Internal Server Error"


def test_how_an_answer_is_framed_is_not_the_applications_to_say() -> None:
    _, headers, body, _ = answered(start(200, (b"transfer-encoding", b"gzip"), sized(5)), piece(b"hello"))
    assert b"transfer-encoding" not in headers
    assert body == b"hello"


@pytest.mark.parametrize(
    ("messages", "line", "content", "closes"),
    [
        ([piece(b"hello")], b"HTTP/1.1 500 Internal Server Error", b"no", True),
        ([{"type": "websocket.accept"}], b"HTTP/1.1 500 Internal Server Error", b"no", True),
        ([start(200, sized(1)), start(200, sized(2))], b"HTTP/1.1 500 Internal Server Error", b"no", True),
        ([start(200, sized(1))], b"HTTP/1.1 500 Internal Server Error", b"no", True),
        ([start(200, sized(1)), piece(b"1"), piece(b"2")], b"HTTP/1.1 200 OK", b"1", False),
    ],
    ids=["no head", "of something else", "two heads", "nothing but a head", "after the end"],
)
def test_messages_in_another_order_are_errors_and_spoil_no_answer(
    messages: Sequence[Message], line: bytes, content: bytes, closes: bool
) -> None:
    found = answered(*messages)
    assert (found[0], found[2], found[3]) == (line, content, closes)


def test_an_answer_that_stops_in_the_middle_closes_the_connection() -> None:
    assert answered(start(200, sized(5)), piece(b"hel", more=True))[2:] == (b"hel", True)
    assert answered(start(), piece(b"hel", more=True))[2:] == (b"3\r\nhel\r\n", True)


def test_a_client_that_waits_is_told_to_go_on_when_its_body_is_wanted() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        await send(start(200, sized(len(body + message["body"]))))
        await send(piece(body + message["body"]))

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.received(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        await until(lambda: client.received == b"HTTP/1.1 100 Continue\r\n\r\n")
        served.received(b"hello")
        await until(lambda: client.received.endswith(b"\r\n\r\nhello"))

    run(body, app)


def test_one_whose_body_is_not_wanted_is_not_and_its_connection_is_closed() -> None:
    more = b"expect: 100-continue\r\ncontent-length: 5\r\n"
    line, headers, body, closed = answered(start(413, sized(2)), piece(b"no"), method=b"POST", more=more)
    assert line.startswith(b"HTTP/1.1 413 ")
    assert headers[b"connection"] == b"close"
    assert (body, closed) == (b"no", True)


@pytest.mark.parametrize(
    ("method", "framing"),
    [(b"GET", b""), (b"POST", b"content-length: 0\r\n"), (b"POST", b"transfer-encoding: chunked\r\n\r\n0\r\n")],
)
def test_one_that_has_nothing_more_to_send_keeps_its_connection(method: bytes, framing: bytes) -> None:
    more = b"expect: 100-continue\r\n" + framing
    line, headers, body, closed = answered(start(200, sized(2)), piece(b"ok"), method=method, more=more)
    assert line == b"HTTP/1.1 200 OK"
    assert b"connection" not in headers
    assert (body, closed) == (b"ok", False)


@pytest.mark.parametrize(
    ("status", "line"), [(413, b"413 Content Too Large"), (422, b"422 Unprocessable Content"), (599, b"599 Unknown")]
)
def test_a_status_has_its_phrase_of_today(status: int, line: bytes) -> None:
    assert answered(start(status, sized(0)), piece())[0] == b"HTTP/1.1 " + line


def test_an_application_may_read_the_rest_of_a_body_after_its_answer_and_so_keep_the_connection() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(413, sized(2)))
        await send(piece(b"no"))
        while (await receive()).get("more_body"):
            pass
        assert (await receive()) == {"type": "http.disconnect"}

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n")
        await until(lambda: client.received.endswith(b"\r\n\r\nno"))
        served.received(b"hello" + ASK % (b"GET", 1, b""))
        await until(lambda: client.received.count(b"HTTP/1.1 413 ") == 2)
        assert b"connection: close" not in client.received
        assert not client.closed.is_set()

    run(body, app)


def test_without_that_the_connection_is_closed_since_the_rest_would_be_taken_for_a_request() -> None:
    _, _, body, closed = answered(start(413, sized(2)), piece(b"no"), method=b"POST", more=b"content-length: 5\r\n")
    assert (body, closed) == (b"no", True)


def test_a_body_arrives_in_order_and_its_end_once() -> None:
    messages: list[Message] = []
    wanted = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            await wanted.wait()
            wanted.clear()
            messages.append(await receive())

    async def body(worker: Refusing) -> None:
        served = connect(worker, Client())
        served.received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nab")
        for sent in (b"", b"cd", b"efghi"):
            served.received(sent)
            wanted.set()
            await until(lambda: not wanted.is_set())
        wanted.set()
        await until(lambda: not wanted.is_set())
        assert messages == [
            {"type": "http.request", "body": b"ab", "more_body": True},
            {"type": "http.request", "body": b"cd", "more_body": True},
            {"type": "http.request", "body": b"efghi", "more_body": False},
        ]
        served.connection_lost(None)
        await until(lambda: len(messages) == 4)
        assert messages[3] == {"type": "http.disconnect"}

    run(body, app)


def test_after_its_answer_an_application_hears_that_the_client_is_done() -> None:
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        listening = asyncio.ensure_future(receive())
        await send(start(204))
        await send(piece())
        heard.append(await listening)

    async def body(worker: Refusing) -> None:
        client = Client()
        served = connect(worker, client)
        served.received(ASK % (b"GET", 1, b""))
        await until(lambda: served.idle)
        assert not client.closed.is_set()
        assert heard == [{"type": "http.disconnect"}]

    run(body, app)


def test_who_goes_on_sending_to_a_client_that_has_gone_lets_others_have_their_turn() -> None:
    sent = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        while True:
            await send(piece(b"x", more=True))
            sent.append(1)

    async def body(worker: Refusing) -> None:
        served = connect(worker, Client())
        served.received(ASK % (b"GET", 1, b""))
        served.pause_writing()
        await asyncio.sleep(0)
        served.connection_lost(None)
        for _ in range(3):
            await until(lambda: sent)
            sent.clear()

    run(body, app)


def test_headers_that_contradict_each_other_about_tls_are_refused() -> None:
    more = b"x-forwarded-proto: https\r\nx-forwarded-ssl: off\r\n"
    line, *_ = answered(start(204), piece(), more=more)
    assert line == b"HTTP/1.1 400 Bad Request"


def test_the_date_is_that_of_now() -> None:
    date = answered(start(204), piece())[1][b"date"]
    assert re.fullmatch(rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date)
