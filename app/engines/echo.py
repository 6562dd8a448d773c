"""A deterministic engine without a model: it answers with the words of the conversation's last message.

For benchmarks, for the tests of clients, and for ours. A token is a word with the space before it. There is one
outcome with probability one, so temperature, top_p and seed change nothing by their own meaning.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from .base import Json, Model

_TOKEN = re.compile(r"\s*\S+")

CAPABILITIES = frozenset({"sampling", "seed", "stop", "length", "max_tokens"})

MODEL = Model(
    "parley-echo", created=1_763_596_800, owned_by="parley", fingerprint="fp_echo_1", capabilities=CAPABILITIES
)


class EchoEngine:
    """Serves one model. ``delay`` is the pause between two chunks in seconds."""

    def __init__(self, *, delay: float = 0.0, model: Model = MODEL) -> None:
        self.delay = delay
        self.models: tuple[Model, ...] = (model,)

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    async def ready(self) -> bool:
        return True

    async def complete(self, request: Json) -> Json:
        tokens, reason = _answer(request)
        if self.delay:
            await asyncio.sleep(self.delay * len(tokens))
        return {
            "choices": [{"index": 0, "message": {"content": "".join(tokens)}, "finish_reason": reason}],
            "usage": _usage(request, len(tokens)),
        }

    async def stream(self, request: Json) -> AsyncIterator[Json]:
        tokens, reason = _answer(request)
        for token in tokens:
            # Without a pause too, others get their turn between two chunks.
            await asyncio.sleep(self.delay)
            yield {"choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]}
        yield {
            "choices": [{"index": 0, "delta": {}, "finish_reason": reason}],
            "usage": _usage(request, len(tokens)),
        }


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or ())


def _tokens(text: str) -> list[str]:
    # Without the space at the end, at each character of which the search for a word would begin anew.
    return _TOKEN.findall(text.rstrip())


def _answer(request: Json) -> tuple[list[str], str]:
    """The tokens of the answer and why it ends."""
    text = next((t for m in reversed(request["messages"]) if (t := _text(m.get("content")).strip())), "…")
    stops = request.get("stop") or ()
    for stop in (stops,) if isinstance(stops, str) else stops:
        if stop and (at := text.find(stop)) >= 0:
            text = text[:at]
    tokens = _tokens(text)
    limit = request.get("max_completion_tokens", request.get("max_tokens"))
    if limit is not None and len(tokens) > limit:
        return tokens[:limit], "length"
    return tokens, "stop"


def _usage(request: Json, completion_tokens: int) -> Json:
    prompt_tokens = sum(len(_tokens(_text(message.get("content")))) for message in request["messages"])
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
