"""Operations with the tag ``Chat``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import quote

from ..chat.service import Call, Chat
from ..web.exchange import Reply, Request, Stream


async def create_chat_completion(body: dict[str, Any], request: Request) -> Reply | Stream:
    """``POST /chat/completions``: a completion, or its chunks as they come.

    What a model cannot honour and the policy lets pass is named in the header ``x-unsupported-parameters``. When
    another model answers than was asked for, the header ``x-fallback-model`` names it, as the answer itself does.
    """
    chat = request.service(Chat)
    call = chat.prepare(body, request.log, request.key_name)
    if not body.get("stream"):
        answer = await chat.complete(call)
        return Reply(answer, headers=_headers(call), foreign=call.model.foreign)
    headers = _headers(call)
    chunks: AsyncIterator[dict[str, Any]] = chat.stream(call)
    if call.warns or call.model.fallbacks:
        chunks = _telling(chunks, call, headers)
    return Stream(chunks, headers, foreign=chat.may_be_foreign(call))


def _headers(call: Call) -> dict[str, str]:
    headers = {}
    if call.ignored:
        headers["x-unsupported-parameters"] = ", ".join(call.ignored)[:1000]
    if call.instead_of is not None:
        headers["x-fallback-model"] = quote(call.model.id, safe="/:@+ ")
    return headers


async def _telling(
    chunks: AsyncIterator[dict[str, Any]], call: Call, headers: dict[str, str]
) -> AsyncIterator[dict[str, Any]]:
    """The chunks. The headers of a stream wait for its first event, when it is known who answers and
    what is not honoured."""
    async with aclosing(cast(Any, chunks)) as each:
        async for chunk in each:
            headers.update(_headers(call))
            yield chunk
