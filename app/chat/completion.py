"""Builds what clients get: a completion, or the chunks of one, from what an engine gives.

An engine gives choices and usage. Here they get their identity (id, created, model, fingerprint) and the order that
clients rely on: in each choice a role chunk with empty content first, then content, then a finish chunk with an empty
delta; usage last and only when asked for.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any, cast

from ..engines.base import Json, Model
from ..errors import EngineUnavailable

# What an engine may know better: the tier that served an answer, and what ran its model.
_ENGINE_KNOWS = ("service_tier", "system_fingerprint")

# Chunks are padded to a multiple of this many characters, long enough for most tokens to look alike.
_BLOCK = 64


def _padding(size: int) -> str:
    return secrets.token_hex(_BLOCK // 2)[: -size % _BLOCK]


def _identity(kind: str, model: Model) -> Json:
    return {
        "id": f"chatcmpl-{secrets.token_hex(16)}",
        "object": kind,
        "created": int(time.time()),
        "model": model.id,
        "service_tier": "default",
        "system_fingerprint": model.fingerprint,
    }


def completion(raw: Json, model: Model, *, metadata: Json | None = None) -> Json:
    """A whole completion. ``raw`` is what `Engine.complete` gives; ``metadata`` comes back as it was sent."""
    return {
        **_identity("chat.completion", model),
        **{name: raw[name] for name in (*_ENGINE_KNOWS, "moderation") if name in raw},
        **({"metadata": metadata} if metadata else {}),
        "choices": [
            {
                "index": choice["index"],
                "message": {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "annotations": [],
                    **choice["message"],
                },
                "logprobs": choice.get("logprobs"),
                "finish_reason": choice["finish_reason"],
            }
            for choice in raw["choices"]
        ],
        **({"usage": raw["usage"]} if "usage" in raw else {}),
    }


async def chunks(
    pieces: AsyncIterator[Json],
    model: Model,
    *,
    include_usage: bool,
    obfuscate: bool = False,
    log: Json,
    place: AbstractAsyncContextManager[None] | None = None,
) -> AsyncIterator[Json]:
    """The chunks of a completion. ``pieces`` is what `Engine.stream` gives; it is closed with this generator. ``place``
    is held from before the engine is asked until then.

    ``obfuscate`` pads chunks so that the sizes of what goes over the wire do not tell the words. The number of tokens
    is put into ``log``.

    Raises:
        EngineUnavailable: the engine ended without finishing every choice.
    """
    frame = _identity("chat.completion.chunk", model)
    if include_usage:
        frame["usage"] = None

    def chunk(index: int, delta: Json, logprobs: Any = None, finish_reason: str | None = None) -> Json:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        made = {**frame, "choices": [choice]}
        if obfuscate:
            made["obfuscation"] = _padding(len(json.dumps(choice)))
        return made

    unfinished: dict[int, bool] = {}
    usage: Json | None = None
    # An async generator, so that closing reaches the engine; the protocol says so in words.
    async with place or nullcontext(), aclosing(cast(Any, pieces)):
        async for piece in pieces:
            if len(piece) > 1:
                usage = piece.get("usage") or usage
                frame.update((name, piece[name]) for name in _ENGINE_KNOWS if name in piece)
                if "moderation" in piece:
                    yield {**frame, "choices": [], "moderation": piece["moderation"]}
            for choice in piece.get("choices", ()):
                index = choice["index"]
                if index not in unfinished:
                    unfinished[index] = True
                    yield chunk(index, {"role": "assistant", "content": "", "refusal": None})
                delta = {name: value for name, value in choice["delta"].items() if value is not None}
                delta.pop("role", None)
                if delta.get("content") == "":
                    del delta["content"]
                if delta:
                    yield chunk(index, delta, choice.get("logprobs"))
                if choice.get("finish_reason"):
                    unfinished[index] = False
                    yield chunk(index, {}, None, choice["finish_reason"])
    if not unfinished or any(unfinished.values()):
        raise EngineUnavailable("The model stopped in the middle of the answer.")
    if usage is not None:
        log["tokens"] = usage["total_tokens"]
        if include_usage:
            yield {**frame, "choices": [], "usage": usage}
