"""An upstream that answers at once, in a process of its own: ``python -m bench.upstream PORT``.

It lists models by which its streams are paced: ``every-5`` sends a chunk every 5 ms, ``every-0`` all at once. A stream
has ``max_tokens`` chunks of text. A streamed request with tools gets a call of the first one, until its messages
hold the results of `TOOL_CALLS`. ``GET /open`` tells how many streams have a client at this moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from .answer import ANSWER

PACES = (0, 5, 100, 250, 500)  # milliseconds
MODELS = tuple(f"every-{pace}" for pace in PACES)
# What a stream has besides the chunks of text: role, end, usage and [DONE].
FRAME = 4

# Calls that an agent is asked for before it gets an answer.
TOOL_CALLS = 20

_CREATED = 1_763_596_800
_CHUNKS = 16
_OPEN: web.AppKey[list[object]] = web.AppKey("open", list)


def _event(model: str, choices: list[object], **more: object) -> bytes:
    chunk = {
        "id": "chatcmpl-0123456789abcdef0123456789abcdef",
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": model,
        "choices": choices,
        **more,
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _choice(reason: str | None = None, **delta: object) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


async def _pieces(model: str, count: int, usage: bool) -> AsyncIterator[bytes]:
    pause = int(model.removeprefix("every-")) / 1e3
    # LiteLLM ends a stream that repeats itself.
    words = [_event(model, [_choice(content=text)]) for text in (" word", " other word")]
    yield _event(model, [_choice(role="assistant", content="")])
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number in range(1, count + 1):
        # By the clock, so that a late chunk does not delay all that follow. Without a pause, streams take turns.
        await asyncio.sleep(max(begin + number * pause - loop.time(), 0) if pause else 0)
        yield words[number % 2]
    end = _event(model, [_choice("stop")])
    if usage:
        told = {"prompt_tokens": 2, "completion_tokens": count, "total_tokens": count + 2}
        end += _event(model, [], usage=told)
    yield end + b"data: [DONE]\n\n"


async def _call(model: str, tool: str, number: int) -> AsyncIterator[bytes]:
    """The pieces of a stream that calls a tool."""
    yield _event(model, [_choice(role="assistant", content=None)])
    head = {"index": 0, "id": f"call_{number}", "type": "function", "function": {"name": tool, "arguments": ""}}
    yield _event(model, [_choice(tool_calls=[head])])
    for piece in ('{"pa', 'th": "', "tests", "/test_a", '.py", ', '"line"', ": 12", "}"):
        yield _event(model, [_choice(tool_calls=[{"index": 0, "function": {"arguments": piece}}])])
    yield _event(model, [_choice("tool_calls")]) + b"data: [DONE]\n\n"


async def _chat(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    if not asked.get("stream"):
        return web.Response(text=ANSWER, content_type="application/json")
    usage = bool((asked.get("stream_options") or {}).get("include_usage"))
    count = asked.get("max_tokens") or asked.get("max_completion_tokens") or _CHUNKS
    pieces = _pieces(asked["model"], count, usage)
    results = sum(message["role"] == "tool" for message in asked["messages"]) if asked.get("tools") else TOOL_CALLS
    if results < TOOL_CALLS:
        pieces = _call(asked["model"], asked["tools"][0]["function"]["name"], results)
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    streams = request.app[_OPEN]
    streams.append(request)
    try:
        await response.prepare(request)
        async for piece in pieces:
            await response.write(piece)
    finally:
        streams.remove(request)
    return response


async def _models(_: web.Request) -> web.Response:
    listed = [{"id": model, "object": "model", "created": _CREATED, "owned_by": "bench"} for model in MODELS]
    return web.json_response({"object": "list", "data": listed})


async def _open(request: web.Request) -> web.Response:
    return web.json_response(len(request.app[_OPEN]))


def application() -> web.Application:
    """The application of the upstream."""
    app = web.Application(client_max_size=1 << 26)
    app[_OPEN] = []
    app.add_routes(
        [web.post("/v1/chat/completions", _chat), web.get("/v1/models", _models), web.get("/open", _open)],
    )
    return app


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        # A stream without a client ends at once: that is what is measured.
        web.run_app(
            application(),
            host="127.0.0.1",
            port=int(sys.argv[1]),
            handler_cancellation=True,
            access_log=None,
            backlog=4096,
            print=None,
        )
