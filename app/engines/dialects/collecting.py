"""Puts the pieces of a stream together to a whole answer, for servers that end only streams when their reader goes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..base import Json
from ..fragments import add_fragment


async def collect(pieces: AsyncIterator[Json]) -> Json:
    """The answer as `Engine.complete` gives it, from pieces as `Engine.stream` gives them."""
    told: Json = {}
    choices: dict[int, Json] = {}
    async for piece in pieces:
        told.update((name, value) for name, value in piece.items() if name != "choices")
        for part in piece["choices"]:
            choice = choices.get(part["index"])
            if choice is None:
                choice = {"index": part["index"], "message": {}, "logprobs": None, "finish_reason": None}
                choices[part["index"]] = choice
            _join(choice["message"], part["delta"])
            choice["finish_reason"] = part["finish_reason"] or choice["finish_reason"]
            if part.get("logprobs") is not None:
                if choice["logprobs"] is None:
                    choice["logprobs"] = {"content": [], "refusal": None}
                choice["logprobs"]["content"] += part["logprobs"].get("content") or ()
    for choice in choices.values():
        message = choice["message"]
        if "tool_calls" in message:
            message["tool_calls"] = [message["tool_calls"][index] for index in sorted(message["tool_calls"])]
        if not message.get("content"):
            message["content"] = None if "tool_calls" in message else ""
    return {**told, "choices": [choices[index] for index in sorted(choices)]}


def _join(message: Json, delta: Json) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            calls = message.setdefault(name, {})
            for fragment in value:
                add_fragment(calls, fragment)
        elif isinstance(value, str) and isinstance(message.get(name), str):
            message[name] += value
        else:
            message[name] = value
