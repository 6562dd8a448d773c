"""Operations with the tag ``Chat``."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..chat.call import Call
from ..chat.service import Chat
from ..errors import NotFound
from ..jsontypes import Json
from ..keeping import NO_DATABASE, Body, Completions, Keeping, Page
from ..web.answers import Encode, Encoded, Reply, Stream
from ..web.exchange import Request
from .repeating import repeatable


async def create_chat_completion(body: Json, request: Request, idempotency_key: str | None = None) -> Reply | Stream:
    """``POST /chat/completions``: return a completion, or stream its chunks.

    The header ``x-unsupported-parameters`` names the parameters that the model cannot honour and the policy lets pass.
    If another model than the requested one answers, the header ``x-fallback-model`` names it, as the answer does.
    """
    return await repeatable(_create, body, request, idempotency_key)


async def _create(body: Json, request: Request) -> Reply | Stream:
    chat = request.service(Chat)
    call = await chat.begin(body, request.log, request.account, request.unknown, has_null=request.has_null)
    if body.get("stream"):
        # Which model answers, and what it cannot honour, is known only once the first event has arrived.
        return Stream(chat.stream(call), call.headers, foreign=chat.may_be_foreign(call))
    answer = await chat.complete(call)
    reply = Reply(answer, headers=call.headers(), foreign=call.model.foreign)
    if chat.stores(call):
        reply.stored = answer["id"]
        reply.finish = partial(_stored, chat, call, answer)
    return reply


async def _stored(chat: Chat, call: Call, answer: Json, encode: Encode) -> Encoded:
    encoded = encode()
    await chat.keep(call, answer, encoded[2])
    return encoded


async def list_chat_completions(
    request: Request,
    after: str | None = None,
    limit: int = 20,
    order: str = "asc",
    model: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Reply:
    """``GET /chat/completions``: return a page of the stored completions of the key's project."""
    page = Page(after, limit, order == "desc")
    return _reply(await _completions(request).page(request.account.project, page, model, metadata))


async def get_chat_completion(completion_id: str, request: Request) -> Reply:
    """``GET /chat/completions/{completion_id}``: return a stored completion."""
    return _reply(await _completions(request).get(request.account.project, completion_id))


async def update_chat_completion(completion_id: str, body: Json, request: Request) -> Reply:
    """``POST /chat/completions/{completion_id}``: replace the metadata of a stored completion, and return it."""
    metadata = body.get("metadata") or {}
    return _reply(await _completions(request).update(request.account.project, completion_id, metadata))


async def delete_chat_completion(completion_id: str, request: Request) -> Reply:
    """``DELETE /chat/completions/{completion_id}``: delete a stored completion, its messages and its metadata."""
    await _completions(request).delete(request.account.project, completion_id)
    return Reply({"object": "chat.completion.deleted", "id": completion_id, "deleted": True})


async def get_chat_completion_messages(
    completion_id: str, request: Request, after: str | None = None, limit: int = 20, order: str = "asc"
) -> Reply:
    """``GET /chat/completions/{completion_id}/messages``: return a page of the messages that a completion answers."""
    page = Page(after, limit, order == "desc")
    return _reply(await _completions(request).messages(request.account.project, completion_id, page))


def _completions(request: Request) -> Completions:
    keeping: Any = request.services.get(Keeping)
    if keeping is None:
        raise NotFound(f"No completions are stored. {NO_DATABASE}")
    found: Completions = keeping.completions
    return found


def _reply(body: Body) -> Reply:
    # Bytes were checked when they were stored, and are not read again.
    return Reply(body, headers={"content-type": "application/json"} if isinstance(body, bytes) else {})
