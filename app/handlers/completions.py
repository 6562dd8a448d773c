"""Operations with the tag ``Completions``."""

from __future__ import annotations

from ..completions.service import Completions
from ..jsontypes import Json
from ..web.answers import Reply, Stream
from ..web.exchange import Request
from .repeating import repeatable


async def create_completion(body: Json, request: Request, idempotency_key: str | None = None) -> Reply | Stream:
    """``POST /completions``: return or stream the completion of a prompt, with the headers of a chat completion."""
    return await repeatable(_create, body, request, idempotency_key)


async def _create(body: Json, request: Request) -> Reply | Stream:
    completions = request.service(Completions)
    call = await completions.begin(body, request.log, request.account, request.unknown)
    if call.body.get("stream"):
        return Stream(completions.stream(call), call.headers, foreign=completions.may_be_foreign(call))
    answer = await completions.complete(call)
    return Reply(answer, headers=call.headers(), foreign=call.model.foreign)
