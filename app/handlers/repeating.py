"""The header ``Idempotency-Key``: a request that is sent again is answered with the stored answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson

from ..chat.service import Chat
from ..errors import BadRequest, UnsupportedParameter
from ..jsontypes import Json
from ..keeping import NO_DATABASE, Answer, Claim, Keeping
from ..web.answers import Encode, Encoded, Reply, Stream
from ..web.exchange import Request

_HEADER = "Idempotency-Key"
_LONGEST = 255
_REPLAYED = "idempotent-replayed"
# Headers that the server makes for every answer.
_OF_EACH = (b"content-length",)

Handler = Callable[[Json, Request], Awaitable[Reply | Stream]]


async def repeatable(handler: Handler, body: Json, request: Request, key: str | None) -> Reply | Stream:
    """Return a handler's answer or, if the request came before with the same idempotency key, the stored one. ``key``
    is None for a request without one.

    Raises:
        BadRequest: the request is for a stream, or its key is too long.
        UnsupportedParameter: there is no database, and the model's policy is to refuse.
        Conflict: the key stands for another request, or its request is still running.
        ApiError: as the handler.
    """
    if key is None:
        return await handler(body, request)
    keeping = request.services.get(Keeping)
    if not isinstance(keeping, Keeping):
        return await handler(body, _without_database(body, request))
    if body.get("stream"):
        raise BadRequest(
            f"Invalid value for '{_HEADER}': it is not possible with 'stream'. Leave one of the two out.",
            param=_HEADER,
            code="invalid_value",
        )
    if not 0 < len(key) <= _LONGEST:
        raise BadRequest(
            f"Invalid value for '{_HEADER}': expected 1 to {_LONGEST} characters.", param=_HEADER, code="invalid_value"
        )
    fingerprint = _fingerprint(handler, body, request.unknown)
    found = await keeping.repeats.claim(request.key_name or "", key, fingerprint)
    if isinstance(found, Answer):
        request.log["replayed"] = True
        return Reply(found.body, found.status, {**found.headers, _REPLAYED: "true"})
    try:
        reply = await handler(body, request)
        if not isinstance(reply, Reply):
            raise TypeError("an answer to repeat cannot be a stream")
    except BaseException:
        found.release()
        raise
    reply.finish = _kept(found, reply)
    return reply


def _without_database(body: Json, request: Request) -> Request:
    """Return the request as one with a parameter that is named as not honoured, where the policy lets it pass."""
    if request.service(Chat).policy_of(body.get("model"), request.account) == "refuse":
        raise UnsupportedParameter(
            f"Unsupported parameter: '{_HEADER}' is not supported by this server. {NO_DATABASE} Or leave it out.",
            param=_HEADER,
        )
    return replace(request, unknown=[*request.unknown, _HEADER])


def _kept(claim: Claim, reply: Reply) -> Callable[[Encode], Awaitable[Encoded]]:
    """Return what finishes a reply: it is stored once it is known that it can be sent."""
    finish = reply.finish

    async def kept(encode: Encode) -> Encoded:
        try:
            encoded = encode() if finish is None else await finish(encode)
            status, headers, body = encoded
            if 200 <= status < 300:
                own = {name.decode(): value.decode("latin-1") for name, value in headers if name not in _OF_EACH}
                await claim.keep(Answer(status, own, body, reply.stored))
            else:
                claim.release()
        except BaseException:
            claim.release()
            raise
        return encoded

    return kept


def _fingerprint(handler: Handler, body: Json, unknown: Sequence[str]) -> str:
    """Return what is equal for equal requests to an operation only, whatever the order of their members."""
    request: list[Any] = [handler.__module__, handler.__qualname__, body, list(unknown)]
    try:
        written = orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits, for example
        written = json.dumps(request, sort_keys=True, default=str).encode()
    return sha256(written).hexdigest()
