"""What the tests of this folder share: a request for a response, and the chunks of a chat that answer it."""

from __future__ import annotations

from typing import Any

from app.responses.request import Asked, read

Json = dict[str, Any]

FUNCTION: Json = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
CUSTOM: Json = {"type": "custom", "name": "shell"}


def asked(body_input: Any = "Hello!", *, policy: str = "refuse", **fields: Any) -> Asked:
    return read({"model": "m", "input": body_input, **fields}, policy)


def chunk(finish_reason: str | None = None, *, logprobs: Any = None, **delta: Any) -> Json:
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
    return {"created": 1, "model": "m", "service_tier": "default", "choices": [choice]}


def usage_chunk() -> Json:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return {"created": 1, "model": "m", "service_tier": "default", "choices": [], "usage": usage}


def completion(finish_reason: str = "stop", *, logprobs: Any = None, **message: Any) -> Json:
    """The whole completion for such chunks."""
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish_reason}
    return {**usage_chunk(), "choices": [choice]}


def function_delta(index: int, arguments: str, *, name: str = "", call_id: str = "") -> Json:
    if not name:
        return {"index": index, "function": {"arguments": arguments}}
    return {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
