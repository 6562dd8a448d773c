"""The client reads an engine's events however they arrive, and tells a lost answer from a finished one."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from app.engines.transport import client
from app.engines.transport.client import HttpClient, NotAccepted, Refused
from app.errors import EngineUnavailable, ServerError

from ..patience import PATIENCE

pytestmark = pytest.mark.live

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _with_server(handler: Handler, use: Callable[[HttpClient], Awaitable[Any]]) -> Any:
    with tempfile.TemporaryDirectory(prefix="parley-test-") as folder:
        application = web.Application(client_max_size=8 << 20)
        application.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        socket = str(Path(folder) / "s.sock")
        await web.UnixSite(runner, socket).start()
        http = HttpClient("http://engine", "secret", socket=socket)
        try:
            return await use(http)
        finally:
            await http.close()
            await runner.cleanup()


def _served(handler: Handler, use: Callable[[HttpClient], Awaitable[Any]]) -> Any:
    return asyncio.run(_with_server(handler, use))


def _answering(status: int, body: bytes, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.headers["authorization"] == "Bearer secret"
        return web.Response(status=status, body=body, headers=headers)

    return handler


async def _post(http: HttpClient) -> Any:
    return await http.post_json("/x", {})


async def _stream(http: HttpClient) -> Any:
    return [event async for event in http.stream_events("/x", {})]


def test_an_answer_is_parsed() -> None:
    assert _served(_answering(200, b'{"a": 1}'), _post) == {"a": 1}


def test_events_end_at_done() -> None:
    body = b'data: {"a": 1}\n\ndata: [DONE]\n\ndata: {"b": 2}\n\n'
    assert _served(_answering(200, body), _stream) == [{"a": 1}]


def test_a_stream_that_ends_before_done_is_a_failure() -> None:
    with pytest.raises(EngineUnavailable):
        _served(_answering(200, b'data: {"a": 1}\n\n'), _stream)


def test_an_event_that_is_no_json_object_is_a_failure() -> None:
    for data in (b"oops", b"[1]", b"[" * 100_000):
        with pytest.raises(ServerError):
            _served(_answering(200, b"data: " + data + b"\n\n"), _stream)


def test_a_connection_cut_mid_stream_is_a_failure() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'data: {"a": 1}\n\n')
        assert request.transport is not None
        request.transport.abort()
        return response

    with pytest.raises(EngineUnavailable):
        _served(handler, _stream)


def test_an_engine_that_loads_has_not_accepted_the_request() -> None:
    with pytest.raises(NotAccepted) as caught:
        _served(_answering(503, b'{"error": {"message": "Loading model", "code": 503}}'), _post)
    assert caught.value.headers == {"retry-after": "1"}


def test_an_engine_that_is_not_there_has_not_accepted_the_request() -> None:
    async def use() -> None:
        http = HttpClient("http://engine", None, socket="/nowhere/s.sock")
        try:
            await http.post_json("/x", {})
        finally:
            await http.close()

    with pytest.raises(NotAccepted):
        asyncio.run(use())


def test_a_refusal_carries_status_and_error() -> None:
    with pytest.raises(Refused) as caught:
        _served(_answering(400, b'{"error": {"type": "x"}}'), _post)
    assert (caught.value.status, caught.value.error) == (400, {"type": "x"})
    with pytest.raises(Refused) as caught:
        _served(_answering(500, b"<html>"), _post)
    assert (caught.value.status, caught.value.error) == (500, {})


def test_redirects_are_not_followed() -> None:
    with pytest.raises(Refused) as caught:
        _served(_answering(307, b"", location="http://elsewhere.invalid/"), _post)
    assert caught.value.status == 307


def test_an_answer_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1000)
    with pytest.raises(ServerError):
        _served(_answering(200, b" " * 1001), _post)


def test_a_closed_stream_closes_its_connection() -> None:
    gone = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b'data: {"a": 1}\n\n')
                await asyncio.sleep(0.01)
        except ConnectionError:
            gone.set()
        return response

    async def use(http: HttpClient) -> None:
        events = http.stream_events("/x", {})
        assert await anext(events) == {"a": 1}
        await events.aclose()
        await asyncio.wait_for(gone.wait(), PATIENCE)

    _served(handler, use)


@pytest.mark.filterwarnings("error")
def test_a_large_request_arrives_whole() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.content_type == "application/json"
        return web.json_response({"size": len((await request.json())["a"])})

    async def use(http: HttpClient) -> Any:
        return await http.post_json("/x", {"a": "x" * 3_000_000})

    assert _served(handler, use) == {"size": 3_000_000}


def test_a_lone_surrogate_is_sent_as_a_question_mark() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async def use(http: HttpClient) -> Any:
        return await http.post_json("/x", {"a": "\ud83d!"})

    assert _served(handler, use) == {"a": "?!"}
