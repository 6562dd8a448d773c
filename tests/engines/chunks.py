"""What an upstream without a fault answers: a whole answer, and the chunks of a stream."""

from __future__ import annotations

from typing import Any

from app.jsontypes import Json

ROLE = {"role": "assistant", "content": "", "refusal": None}


def completion(choice: Json | None = None, **fields: Any) -> Json:
    """A whole answer without a fault, but for what a test lays over it."""
    message = {"role": "assistant", "content": "Hi.", "refusal": None}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, **_DETAILS}
    whole = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop", **(choice or {})}
    return {**_identity("chat.completion"), "choices": [whole], "usage": usage, **fields}


def chunk(delta: Json | None = None, reason: str | None = None, **fields: Any) -> Json:
    """A chunk without a fault, but for what a test lays over its choice."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "logprobs": None, "finish_reason": reason, **fields}
    return {**_identity("chat.completion.chunk"), "choices": [choice], "usage": None}


_DETAILS = {
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}


def _identity(kind: str) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_763_596_800, "model": "theirs"}


def last_chunk() -> Json:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, **_DETAILS}
    return {**_identity("chat.completion.chunk"), "choices": [], "usage": usage}
