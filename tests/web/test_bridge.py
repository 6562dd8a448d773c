"""Between the event loop and Flask: what Flask answers is sent, what a handler gives later is awaited."""

from __future__ import annotations

import asyncio
import contextvars
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from app.errors import BadRequest, EngineUnavailable
from app.jsontypes import Json
from app.web import sending
from app.web.answers import Reply, Stream
from app.web.bridge import Bridge
from app.web.exchange import Exchange
from app.web.view import PENDING, PendingReply, ReplyEncoder

from .asgi import Client, hooks_around, http_scope, run

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
Handler = Callable[[], Any]


class Wsgi:
    """A WSGI application that answers at once, or by what a handler gives later."""

    def __init__(self, handler: Handler | None = None, *, status: str = "200 OK", body: Iterable[bytes] = ()) -> None:
        self.handler, self.status, self.body = handler, status, body
        self.environ: dict[str, Any] = {}
        self.sent_body = b""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.environ = environ
        self.sent_body = environ["wsgi.input"].read()
        if self.handler is not None:
            environ[PENDING] = PendingReply(ReplyEncoder(), self.handler())
        start_response(self.status, [] if self.handler else [("X-Mine", "1")])
        return self.body


def bridged(app: Any, *, threaded: tuple[str, ...] = (), ping: float = 60, write: float = 60) -> Bridge:
    views: Any = {name: SimpleNamespace(is_async=False) for name in threaded}
    return Bridge(hooks_around(app), views, ping_interval=ping, write_timeout=write)


def answer(app: Any, **options: Any) -> Client:
    """A client that has been answered to its end."""

    async def ask() -> Client:
        client = Client()
        await bridged(app, **options)(http_scope(operation="it"), client.receive, client.send)
        return client

    return run(ask())


def streamed(events: Callable[[], AsyncIterator[Json]], headers: Any = None, **options: Any) -> Client:
    async def handler() -> Stream:
        return Stream(events(), headers or {})

    return answer(Wsgi(handler), **options)


# -- what Flask answers at once ----------------------------------------------------------------------------------


def test_an_answer_of_flask_is_sent_as_it_is() -> None:
    client = answer(Wsgi(status="418 I'm a Teapot", body=[b"a", b"b"]))
    assert (client.status, client.headers, client.body) == (418, {"x-mine": "1"}, b"ab")
    assert client.ended


@pytest.mark.parametrize("size", [0, 1, sending._PIECE, sending._PIECE + 1, 5 * sending._PIECE])
def test_a_long_answer_is_handed_over_in_pieces(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    client = answer(Wsgi(body=[body[:size]]))
    pieces = [message["body"] for message in client.sent if message["type"] == "http.response.body"]
    assert b"".join(pieces) == body[:size]
    assert max(map(len, pieces)) <= sending._PIECE
    assert len(pieces) == max(-(-size // sending._PIECE), 1)
    assert client.ended


def test_the_body_of_flasks_answer_is_closed() -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Any:
            return iter([b"x"])

        def close(self) -> None:
            closed.append(True)

    assert answer(Wsgi(body=Body())).body == b"x"
    assert closed == [True]


def test_an_exception_that_flask_hands_over_is_raised() -> None:
    def failing(_environ: Any, start_response: Any) -> list[bytes]:
        try:
            raise LookupError
        except LookupError as error:
            start_response("500", [], (LookupError, error, error.__traceback__))
        return []

    with pytest.raises(LookupError):
        answer(failing)


def test_flask_is_told_of_the_request_as_pep_3333_has_it() -> None:
    app = Wsgi()

    async def ask() -> None:
        headers = [("host", "server:81"), ("x-a", "1"), ("x-a", "2"), ("content-type", "text/plain")]
        scope = http_scope("POST", "/ü", query_string=b"a=%20b", headers=headers, scheme="https")
        client = Client()
        await bridged(app)(scope, client.receive, client.send)

    run(ask())
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/ü".encode().decode("latin-1"),
        "QUERY_STRING": "a=%20b",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "https",
        "CONTENT_TYPE": "text/plain",
        "HTTP_HOST": "server:81",
        "HTTP_X_A": "1,2",
    }
    assert {name: app.environ[name] for name in expected} == expected
    assert "HTTP_CONTENT_TYPE" not in app.environ


@pytest.mark.parametrize("host", ["", "a b", "a/b", "-" * 64, "[::1", "a:b"])
def test_a_host_that_is_none_does_not_reach_flask(host: str) -> None:
    app = Wsgi()

    async def ask() -> None:
        client = Client()
        await bridged(app)(http_scope(headers={"host": host}), client.receive, client.send)

    run(ask())
    assert app.environ["HTTP_HOST"] == "127.0.0.1:8080"


# -- handlers that may block -------------------------------------------------------------------------------------

_VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable")


def test_a_handler_that_may_block_runs_in_a_thread_with_the_body_and_the_context_of_the_request() -> None:
    found: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        found.extend([threading.current_thread(), _VARIABLE.get(), environ["wsgi.input"].read()])
        start_response("200 OK", [])
        return [b"x"]

    async def ask() -> Exchange:
        _VARIABLE.set("of the request")
        exchange = Exchange("req_1", raw_body=b"body")
        client = Client()
        scope = http_scope(operation="slow", exchange=exchange)
        await bridged(app, threaded=("slow",))(scope, client.receive, client.send)
        assert client.body == b"x"
        return exchange

    exchange = run(ask())
    assert found[0] is not threading.main_thread()
    assert found[1:] == ["of the request", b"body"]
    assert exchange.raw_body == b""


def test_one_that_may_not_is_called_on_the_event_loop_and_the_body_is_let_go() -> None:
    threads: list[threading.Thread] = []

    async def handler() -> Reply:
        return Reply()

    class App(Wsgi):
        def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
            threads.append(threading.current_thread())
            return super().__call__(environ, start_response)

    app = App(handler)

    async def ask() -> Exchange:
        exchange = Exchange("req_1", raw_body=b"body")
        client = Client()
        await bridged(app)(http_scope(exchange=exchange), client.receive, client.send)
        return exchange

    assert run(ask()).raw_body == b""
    assert app.sent_body == b""
    assert threads == [threading.main_thread()]


# -- what a handler gives later ----------------------------------------------------------------------------------


def test_a_reply_is_awaited_and_sent() -> None:
    async def handler() -> tuple[Json, int, dict[str, str]]:
        await asyncio.sleep(0)
        return {"a": 1}, 201, {"x-a": "b"}

    client = answer(Wsgi(handler))
    assert (client.status, client.body) == (201, b'{"a":1}')
    assert client.headers == {"x-a": "b", "content-type": "application/json", "content-length": "7"}


def test_what_a_handler_raises_comes_through() -> None:
    async def handler() -> Reply:
        raise BadRequest("no")

    with pytest.raises(BadRequest):
        answer(Wsgi(handler))


def test_a_handler_is_cancelled_when_its_client_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_WATCH_AFTER", 0)
    told: list[str] = []

    async def ask() -> None:
        client, exchange, waiting = Client(), Exchange("req_1"), asyncio.Event()

        async def handler() -> Reply:
            waiting.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.append("cancelled")
                raise
            return Reply()

        app = bridged(Wsgi(handler))
        task = asyncio.create_task(app(http_scope(exchange=exchange), client.receive, client.send))
        await waiting.wait()
        client.gone.set()
        await task
        assert exchange.log == {"error": "client_gone"}
        assert client.sent == []

    run(ask())
    assert told == ["cancelled"]


def test_a_cancellation_by_others_is_passed_on() -> None:
    async def ask() -> None:
        client, exchange, waiting = Client(), Exchange("req_1"), asyncio.Event()

        async def handler() -> Reply:
            waiting.set()
            await asyncio.Event().wait()
            return Reply()

        app = bridged(Wsgi(handler))
        task = asyncio.create_task(app(http_scope(exchange=exchange), client.receive, client.send))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert exchange.log == {}

    run(ask())


# -- streams -----------------------------------------------------------------------------------------------------


async def _one_two() -> AsyncIterator[Json]:
    yield {"n": 1}
    yield {"n": 2}


def test_a_stream_is_events_and_then_done() -> None:
    client = streamed(_one_two, {"X-Mine": "1"})
    assert client.status == 200
    assert client.headers == {
        "x-mine": "1",
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }
    assert client.body == b'data: {"n":1}\n\ndata: {"n":2}\n\n' + DONE
    assert client.ended


def test_events_that_are_there_at_once_are_sent_at_once() -> None:
    assert len(streamed(_one_two).pieces) == 1


def test_before_a_wait_what_is_there_is_sent() -> None:
    async def ask() -> None:
        client, go_on = Client(), asyncio.Event()

        async def events() -> AsyncIterator[Json]:
            yield {"n": 1}
            client_has.append(len(client.sent))
            await go_on.wait()
            yield {"n": 2}

        async def handler() -> Stream:
            return Stream(events())

        client_has: list[int] = []
        task = asyncio.create_task(bridged(Wsgi(handler))(http_scope(), client.receive, client.send))
        await client.has(b'data: {"n":1}\n\n')
        assert client_has == [1], "only the headers were there when the second event was asked for"
        go_on.set()
        await task
        assert client.body.endswith(DONE)

    run(ask())


def test_the_headers_of_a_stream_may_be_a_function_that_is_asked_once_the_first_event_is_there() -> None:
    known: dict[str, str] = {}
    asked: list[bool] = []

    async def events() -> AsyncIterator[Json]:
        await asyncio.sleep(0)
        known["x-known"] = "now"
        yield {"n": 1}
        await asyncio.sleep(0)
        known["x-known"] = "too late"
        yield {"n": 2}

    def headers() -> dict[str, str]:
        asked.append(True)
        return dict(known)

    assert streamed(events, headers).headers["x-known"] == "now"
    assert asked == [True]


def test_they_are_asked_without_an_event_when_the_first_lets_itself_be_waited_for() -> None:
    asked = asyncio.Event()

    async def events() -> AsyncIterator[Json]:
        await asked.wait()
        yield {"n": 1}

    def headers() -> dict[str, str]:
        asked.set()
        return {"x-asked": "1"}

    client = streamed(events, headers, ping=0.001)
    assert client.headers["x-asked"] == "1"
    assert client.pieces[0] == PING
    assert client.body.replace(PING, b"") == b'data: {"n":1}\n\n' + DONE


def test_they_are_not_asked_for_a_stream_that_fails_before_its_first_event() -> None:
    async def events() -> AsyncIterator[Json]:
        raise BadRequest("no")
        yield {}

    def headers() -> dict[str, str]:
        raise AssertionError

    with pytest.raises(BadRequest):
        streamed(events, headers)


def test_an_empty_stream_is_an_error() -> None:
    async def events() -> AsyncIterator[Json]:
        return
        yield {}

    with pytest.raises(EngineUnavailable):
        streamed(events)


def test_a_later_failure_is_an_event_and_then_done() -> None:
    async def events() -> AsyncIterator[Json]:
        yield {"n": 1}
        raise EngineUnavailable("gone")

    async def ask() -> Exchange:
        async def handler() -> Stream:
            return Stream(events())

        client, exchange = Client(), Exchange("req_1")
        await bridged(Wsgi(handler))(http_scope(exchange=exchange), client.receive, client.send)
        first, error, done, _ = client.body.split(b"\n\n")
        assert (first, done) == (b'data: {"n":1}', b"data: [DONE]")
        assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "engine_unavailable"
        assert client.ended
        return exchange

    assert run(ask()).log == {"error": "engine_unavailable"}


@pytest.mark.parametrize("after", [0, 1], ids=["before its first event", "afterwards"])
def test_a_stream_is_closed_when_its_client_goes(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_WATCH_AFTER", 0)
    closed: list[bool] = []

    async def ask() -> None:
        client, exchange, waiting = Client(), Exchange("req_1"), asyncio.Event()

        async def events() -> AsyncIterator[Json]:
            try:
                for number in range(after):
                    yield {"n": number}
                waiting.set()
                await asyncio.Event().wait()
                yield {}
            finally:
                closed.append(True)

        async def handler() -> Stream:
            return Stream(events())

        app = bridged(Wsgi(handler))
        task = asyncio.create_task(app(http_scope(exchange=exchange), client.receive, client.send))
        await waiting.wait()
        client.gone.set()
        await task
        assert exchange.log == {"error": "client_gone"}
        assert not client.ended or not client.sent

    run(ask())
    assert closed == [True]


def test_a_stream_whose_client_does_not_read_is_given_up() -> None:
    async def ask() -> None:
        client, exchange = Client(), Exchange("req_1")
        client.reading.clear()

        async def handler() -> Stream:
            return Stream(_endless())

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                return
            await client.send(message)

        await bridged(Wsgi(handler), write=0.001)(http_scope(exchange=exchange), client.receive, send)
        assert exchange.log == {"error": "client_gone"}

    run(ask())


async def _endless() -> AsyncIterator[Json]:
    while True:
        await asyncio.sleep(0)
        yield {}


def test_events_bear_their_names_where_the_stream_says_so() -> None:
    async def events() -> AsyncIterator[Json]:
        yield {"type": "made"}

    async def handler() -> Stream:
        return Stream(events(), named=True)

    assert answer(Wsgi(handler)).body.startswith(b"event: made\ndata: ")


@pytest.mark.parametrize(
    ("told", "last"),
    [
        ([{"type": "failed", "n": 1}, {"type": "failed", "n": 2}], b'event: failed\ndata: {"type":"failed","n":1}\n\n'),
        ([{"n": float("nan")}, {"type": "failed", "n": 2}], b'event: failed\ndata: {"type":"failed","n":2}\n\n'),
        ([{"n": float("nan")}], b'data: {"error":{'),
        ([], b'data: {"error":{'),
    ],
)
def test_a_stream_that_fails_ends_with_the_first_of_its_own_events_that_can_be_sent(
    told: list[Json], last: bytes
) -> None:
    async def events() -> AsyncIterator[Json]:
        yield {"type": "made"}
        yield {"type": "made", "n": float("nan")}

    async def handler() -> Stream:
        return Stream(events(), named=True, done=False, failed=lambda error: told)

    body = answer(Wsgi(handler)).body
    assert body.startswith(b'event: made\ndata: {"type":"made"}\n\n' + last)
    assert body.count(b"data: ") == 2
