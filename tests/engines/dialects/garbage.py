"""Values that no upstream should send, from a seeded source, so that a failure can be repeated."""

from __future__ import annotations

from random import Random
from typing import Any

from app.jsontypes import Json

from ..chunks import chunk, completion, last_chunk

# Names that readers look for, so that chance meets them.
_NAMES = (
    *("index", "delta", "message", "finish_reason", "logprobs", "content", "refusal", "reasoning_content", "reasoning"),
    *("tool_calls", "function_call", "function", "custom", "name", "arguments", "input", "id", "type", "role"),
    *("usage", "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "cached_tokens"),
    *("completion_tokens_details", "reasoning_tokens", "timings", "predicted_n", "cache_n", "prompt_n"),
    *("error", "code", "status", "object", "choices", "token", "logprob", "bytes", "top_logprobs", "service_tier"),
    *("moderation", "annotations", "audio", "text", "detail", "param", "n_ctx", "n_prompt_tokens"),
)
_TEXTS = (
    "",
    "stop",
    "length",
    "tool_calls",
    "a",
    "END",
    "get_time",
    "text",
    "error",
    "chat.completion.chunk",
    "{",
    "é",
)
_NUMBERS = (0, 1, -1, 2, 3, 400, 429, 503, 10**30, 0.5, -0.0, 1e300)


def value(random: Random, depth: int = 4) -> Any:
    """Any JSON value."""
    kind = random.randrange(9 if depth else 6)
    if kind < 2:
        return random.choice(_TEXTS)
    if kind < 4:
        return random.choice(_NUMBERS)
    if kind < 6:
        return random.choice((None, True, False))
    if kind == 6:
        return [value(random, depth - 1) for _ in range(random.randrange(4))]
    return {random.choice(_NAMES): value(random, depth - 1) for _ in range(random.randrange(5))}


def spoiled(random: Random, good: Any) -> Any:
    """A value of which a part or two have become others, are gone or have company."""
    if not isinstance(good, dict | list) or not good or random.random() < 0.2:
        return value(random, 3)
    if isinstance(good, list):
        place = random.randrange(len(good))
        return [*good[:place], spoiled(random, good[place]), *good[place + 1 :]]
    name = random.choice(list(good))
    changed = {**good, name: spoiled(random, good[name])}
    if random.random() < 0.2:
        del changed[name]
    if random.random() < 0.2:
        changed[random.choice(_NAMES)] = value(random, 3)
    return changed


def stream(random: Random) -> list[Json]:
    """The events of a good stream, with whatever such a stream may have."""
    entry = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    deltas: list[Json] = [
        {"role": "assistant", "content": None},
        {"content": "a"},
        {"content": "b"},
        {"reasoning_content": "Hm."},
        {
            "tool_calls": [
                {"index": 0, "id": "c", "type": "function", "function": {"name": "get_time", "arguments": "{"}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]},
        {"refusal": "No."},
        {"function_call": {"name": "get_time", "arguments": "{}"}},
    ]
    timings = {"cache_n": 1, "prompt_n": 2, "predicted_n": 3}
    events = [{**chunk(random.choice(deltas)), "timings": timings} for _ in range(random.randrange(1, 6))]
    for each in events:
        if random.random() < 0.3:
            each["choices"][0]["logprobs"] = {"content": [entry], "refusal": None}
    return [*events, chunk({}, random.choice(("stop", "length", "tool_calls"))), last_chunk()]


def whole(random: Random) -> Json:
    """A good answer as a whole."""
    call = {"id": "c", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    entry = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    message = {"role": "assistant", "content": "Hi.", "refusal": None}
    messages = [message, {**message, "tool_calls": [call]}, {**message, "reasoning_content": "Hm."}]
    logprobs = {"content": [entry], "refusal": None}
    return completion({"message": random.choice(messages), "logprobs": random.choice((None, logprobs))})
