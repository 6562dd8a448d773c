"""Assembles the chunks of a chat completion into a whole one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...jsontypes import Json
from ..values import get, items, members, number


def whole(content: Any) -> Json:
    """A whole completion."""
    return members(content)


def joined(events: Sequence[Any]) -> Json:
    """A completion, assembled from its chunks."""
    choices: dict[int, Json] = {}
    made: Json = {}
    for event in events:
        made |= {name: value for name, value in members(event).items() if name != "choices" and value is not None}
        for choice in items(event, "choices"):
            _add(choices.setdefault(number(get(choice, "index")) or 0, {"message": {}}), choice)
    made["choices"] = [{"index": index, **choice} for index, choice in sorted(choices.items())]
    return made


def _add(made: Json, choice: Any) -> None:
    message: Json = made["message"]
    for name, value in members(choice, "delta").items():
        if name == "tool_calls":
            for piece in items(value):
                # A piece without an index belongs to the first call, and there are never more calls than pieces.
                calls = message.setdefault("tool_calls", {})
                _merge(calls.setdefault(number(get(piece, "index")) or 0, {}), piece)
        elif name == "function_call":
            _merge(message.setdefault("function_call", {}), value)
        elif name in ("content", "reasoning_content", "refusal"):
            if isinstance(value, str):
                message[name] = message.get(name, "") + value
        elif value is not None:
            message[name] = value
    if get(choice, "finish_reason") is not None:
        made["finish_reason"] = choice["finish_reason"]
    tokens = get(choice, "logprobs", "content")
    if isinstance(tokens, list):
        made.setdefault("logprobs", {"content": []})["content"] += tokens


def _merge(made: Json, piece: Any) -> None:
    for name, value in members(piece).items():
        if isinstance(value, dict):
            _merge(made.setdefault(name, {}) if isinstance(made.get(name, {}), dict) else {}, value)
        elif name in ("arguments", "input") and isinstance(value, str):
            made[name] = str(made.get(name, "")) + value
        elif value is not None:
            made[name] = value
