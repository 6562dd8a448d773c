"""Operations with the tag ``Chat``."""

from __future__ import annotations

from typing import Any

from ..chat.service import Chat
from ..web.exchange import Reply, Request, Stream


async def create_chat_completion(body: dict[str, Any], request: Request) -> Reply | Stream:
    """``POST /chat/completions``: a completion, or its chunks as they come.

    What a model cannot honour and the policy lets pass is named in the header ``x-unsupported-parameters``.
    """
    chat = request.service(Chat)
    call = chat.prepare(body, request.log, request.key_name)
    headers = {"x-unsupported-parameters": ", ".join(call.ignored)[:1000]} if call.ignored else {}
    if body.get("stream"):
        return Stream(chat.stream(call, request.log), headers)
    return Reply(await chat.complete(call, request.log), headers=headers)
