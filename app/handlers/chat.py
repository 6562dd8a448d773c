"""Operations with the tag ``Chat``."""

from __future__ import annotations

from typing import Any

from ..chat.service import Chat
from ..web.exchange import Reply, Request, Stream


async def create_chat_completion(body: dict[str, Any], request: Request) -> Reply | Stream:
    """``POST /chat/completions``: a completion, or its chunks as they come."""
    chat = request.service(Chat)
    if body.get("stream"):
        return Stream(chat.stream(body, request.log))
    return Reply(await chat.complete(body, request.log))
