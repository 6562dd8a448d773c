"""Operations with the tag ``Responses``."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from ..jsontypes import Json
from ..responses.service import Asking, Responses
from ..web.answers import Reply, Stream
from ..web.exchange import Request
from .repeating import repeatable


async def create_response(body: Json, request: Request, idempotency_key: str | None = None) -> Reply | Stream:
    """``POST /responses``: return a response, or stream its events.

    The headers ``x-unsupported-parameters`` and ``x-fallback-model`` are those of a chat completion.
    """
    return await repeatable(_create, body, request, idempotency_key)


async def _create(body: Json, request: Request) -> Reply | Stream:
    responses = request.service(Responses)
    asking = await responses.begin(body, request.log, request.account, request.unknown)
    if body.get("stream"):
        return Stream(
            responses.stream(asking),
            partial(_headers, asking),
            named=True,
            done=False,
            foreign=responses.may_be_foreign(asking),
            failed=asking.writer.fail,
        )
    answer = await responses.complete(asking)
    return Reply(answer, headers=_headers(asking), foreign=asking.call.model.foreign)


def _headers(asking: Asking) -> dict[str, str]:
    headers = {}
    if asking.ignored:
        headers["x-unsupported-parameters"] = ", ".join(asking.ignored)[:1000]
    if asking.call.instead_of is not None:
        headers["x-fallback-model"] = quote(asking.call.model.id, safe="/:@+ ")
    return headers
