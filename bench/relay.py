"""The yardstick of relaying: Starlette and aiohttp hand bytes on, look at none of them and check no key.

``uvicorn bench.relay:app`` with the base URL of the upstream in ``BENCH_UPSTREAM``. Below ``/json`` the request is read
and written anew, which is the least that a relay has to do that gives a model another name.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

import aiohttp
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        app.state.session = session
        yield


async def create_chat_completion(request: Request) -> Response:
    return await _relay(request, await request.body())


async def create_chat_completion_anew(request: Request) -> Response:
    return await _relay(request, orjson.dumps(orjson.loads(await request.body())))


async def _relay(request: Request, body: bytes) -> Response:
    session: aiohttp.ClientSession = request.app.state.session
    url = os.environ["BENCH_UPSTREAM"] + "/chat/completions"
    answer = await session.post(url, data=body, headers={"content-type": "application/json"})
    kind = answer.headers["content-type"]
    if answer.content_type != "text/event-stream":
        async with answer:
            return Response(await answer.read(), answer.status, media_type=kind)

    async def pieces() -> AsyncIterator[bytes]:
        try:
            async for piece in answer.content.iter_any():
                yield piece
        finally:
            # Closes the connection, unless the answer was read to its end.
            answer.close()

    return StreamingResponse(pieces(), answer.status, media_type=kind)


app = Starlette(
    routes=[
        Route("/v1/chat/completions", create_chat_completion, methods=["POST"]),
        Route("/json/chat/completions", create_chat_completion_anew, methods=["POST"]),
    ],
    lifespan=_lifespan,
)
