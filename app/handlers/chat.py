"""Operations with the tag ``Chat``."""

from __future__ import annotations

from ..chat.service import Chat
from ..jsontypes import Json
from ..web.answers import Reply, Stream
from ..web.exchange import Request


async def create_chat_completion(body: Json, request: Request) -> Reply | Stream:
    """``POST /chat/completions``: a completion, or its chunks as they come.

    What a model cannot honour and the policy lets pass is named in the header ``x-unsupported-parameters``. When
    another model answers than was asked for, the header ``x-fallback-model`` names it, as the answer itself does.
    """
    chat = request.service(Chat)
    call = await chat.begin(body, request.log, request.key_name, request.unknown)
    if body.get("stream"):
        # Who answers, and what is not honoured, is known once the first event is there.
        return Stream(chat.stream(call), call.headers, foreign=chat.may_be_foreign(call))
    answer = await chat.complete(call)
    return Reply(answer, headers=call.headers(), foreign=call.model.foreign)
