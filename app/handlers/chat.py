"""Operations with the tag ``Chat``."""

from __future__ import annotations

from ..chat.service import Chat
from ..jsontypes import Json
from ..web.answers import Reply, Stream
from ..web.exchange import Request


async def create_chat_completion(body: Json, request: Request) -> Reply | Stream:
    """``POST /chat/completions``: return a completion, or stream its chunks.

    The header ``x-unsupported-parameters`` names the parameters that the model cannot honour and the policy lets pass.
    If another model than the requested one answers, the header ``x-fallback-model`` names it, as the answer does.
    """
    chat = request.service(Chat)
    call = await chat.begin(body, request.log, request.account, request.unknown)
    if body.get("stream"):
        # Which model answers, and what it cannot honour, is known only once the first event has arrived.
        return Stream(chat.stream(call), call.headers, foreign=chat.may_be_foreign(call))
    answer = await chat.complete(call)
    return Reply(answer, headers=call.headers(), foreign=call.model.foreign)
