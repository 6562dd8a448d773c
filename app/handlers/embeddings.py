"""Operations with the tag ``Embeddings``."""

from __future__ import annotations

from ..embeddings.service import Embeddings
from ..jsontypes import Json
from ..web.answers import Reply, Stream
from ..web.exchange import Request
from .repeating import repeatable


async def create_embedding(body: Json, request: Request, idempotency_key: str | None = None) -> Reply | Stream:
    """``POST /embeddings``: return a vector for each text. The headers are those of a chat completion."""
    return await repeatable(_create, body, request, idempotency_key)


async def _create(body: Json, request: Request) -> Reply:
    embeddings = request.service(Embeddings)
    call = await embeddings.begin(body, request.log, request.account, request.unknown)
    answer = await embeddings.embed(call)
    return Reply(answer, headers=call.headers(), foreign=call.model.foreign)
