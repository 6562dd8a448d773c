"""Operations with the tag ``Chat``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from ..chat.service import Call, Chat
from ..web.exchange import Reply, Request, Stream


async def create_chat_completion(body: dict[str, Any], request: Request) -> Reply | Stream:
    """``POST /chat/completions``: a completion, or its chunks as they come.

    What a model cannot honour and the policy lets pass is named in the header ``x-unsupported-parameters``.
    """
    chat = request.service(Chat)
    call = chat.prepare(body, request.log, request.key_name)
    if not body.get("stream"):
        return Reply(await chat.complete(call, request.log), headers=_headers(call), foreign=call.model.foreign)
    headers = _headers(call)
    chunks = chat.stream(call, request.log)
    return Stream(_telling(chunks, call, headers) if call.warns else chunks, headers, foreign=call.model.foreign)


def _headers(call: Call) -> dict[str, str]:
    return {"x-unsupported-parameters": ", ".join(call.ignored)[:1000]} if call.ignored else {}


async def _telling(
    chunks: AsyncIterator[dict[str, Any]], call: Call, headers: dict[str, str]
) -> AsyncIterator[dict[str, Any]]:
    """The chunks. The headers of a stream wait for its first event, when all is known that is not honoured."""
    async with aclosing(cast(Any, chunks)) as each:
        async for chunk in each:
            headers.update(_headers(call))
            yield chunk
