"""The model process is asked over a unix socket: patiently while it is away, and its failures are told in our words."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from app.engines.llama.process import ModelProcess
from app.engines.transport import patience
from app.errors import ApiError, BadRequest, ContextLengthExceeded, EngineUnavailable, ServerError
from app.jsontypes import Json
from app.model_process.slots import SlotRequest

pytestmark = pytest.mark.live

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def served(handler: Handler, use: Callable[[ModelProcess], Awaitable[Any]]) -> Any:
    """What ``use`` gives, with a process whose every answer is the handler's."""

    async def run() -> Any:
        with tempfile.TemporaryDirectory(prefix="parley-test-") as folder:
            application = web.Application(client_max_size=8 << 20)
            application.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(application, shutdown_timeout=0.1)
            await runner.setup()
            socket = str(Path(folder) / "s.sock")
            await web.UnixSite(runner, socket).start()
            process = ModelProcess(lambda: (socket, "secret"))
            await process.start()
            try:
                return await use(process)
            finally:
                await process.close()
                await runner.cleanup()

    return asyncio.run(run())


def answering(status: int, body: bytes, content_type: str = "application/json") -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.headers["authorization"] == "Bearer secret"
        return web.Response(status=status, body=body, content_type=content_type)

    return handler


async def ask(process: ModelProcess) -> Json:
    return await process.answer({"messages": []})


async def events(process: ModelProcess) -> list[Any]:
    async with aclosing(process.events({"messages": []}, SlotRequest())) as steps:
        return [step async for step in steps]


@pytest.mark.parametrize("use", [ask, events])
@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"type": "exceed_context_size_error", "n_ctx": 9, "n_prompt_tokens": 10}, ContextLengthExceeded),
        (400, {"type": "invalid_request_error", "message": "SECRET"}, BadRequest),
        (500, {"type": "server_error", "message": "SECRET"}, ServerError),
    ],
)
def test_a_refusal_is_told_in_our_words_without_its_message(
    use: Callable[[ModelProcess], Awaitable[Any]], status: int, error: Json, kind: type[ApiError]
) -> None:
    body = web.json_response({"error": error}).body
    assert isinstance(body, bytes)
    with pytest.raises(kind) as caught:
        served(answering(status, body), use)
    assert "SECRET" not in caught.value.message


@pytest.mark.parametrize("use", [ask, events])
def test_a_model_that_loads_is_waited_for(use: Callable[[ModelProcess], Awaitable[Any]]) -> None:
    asked = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked < 3:
            return web.json_response({"error": {"message": "Loading model", "code": 503}}, status=503)
        return web.json_response({"choices": []})

    served(handler, use)
    assert asked == 3


def test_a_model_that_goes_on_loading_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.0)
    with pytest.raises(EngineUnavailable) as caught:
        served(answering(503, b"{}"), ask)
    assert caught.value.headers == {"retry-after": "1"}


def test_a_process_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.0)

    async def use() -> None:
        process = ModelProcess(lambda: ("/nowhere/s.sock", "k"))
        await process.start()
        try:
            assert not await process.ready()
            await ask(process)
        finally:
            await process.close()

    with pytest.raises(EngineUnavailable):
        asyncio.run(use())


def test_a_connection_cut_mid_stream_is_a_failure_of_the_engine() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices": []}\n\n')
        assert request.transport is not None
        request.transport.abort()
        return response

    with pytest.raises(EngineUnavailable):
        served(handler, events)


def test_readiness_is_what_the_process_says_now() -> None:
    status = 503

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.path == "/health"
        return web.json_response({}, status=status)

    async def use(process: ModelProcess) -> list[bool]:
        nonlocal status
        found = []
        for told in (503, 200, 503, 200):
            status = told
            found.append(await process.ready())
        return found

    assert served(handler, use) == [False, True, False, True]


def test_a_closed_stream_closes_its_connection() -> None:
    gone = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b'data: {"a": 1}\n\n')
                await asyncio.sleep(0.01)
        except ConnectionError:
            gone.set()
        return response

    async def use(process: ModelProcess) -> None:
        steps = process.events({"messages": []}, SlotRequest())
        assert await anext(steps) == [b'{"a": 1}']
        await steps.aclose()
        await asyncio.wait_for(gone.wait(), 60)

    served(handler, use)


@pytest.mark.filterwarnings("error")
def test_a_large_request_arrives_whole_and_half_a_surrogate_pair_as_a_question_mark() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.content_type == "application/json"
        (message,) = (await request.json())["messages"]
        return web.json_response({"size": len(message["content"]), "end": message["content"][-2:]})

    async def use(process: ModelProcess) -> Json:
        return await process.answer({"messages": [{"role": "user", "content": "x" * 3_000_000 + "\ud83d!"}]})

    assert served(handler, use) == {"size": 3_000_002, "end": "?!"}
