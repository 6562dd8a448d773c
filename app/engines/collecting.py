"""Combines the deltas of a stream into whole choices."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, cast

from ..jsontypes import Json
from .base import Choice, Completion, Deltas, Facts, Logprobs, Message


async def collect(deltas: Deltas) -> Completion:
    """Return a stream's whole answer. The content of a message without text is null if it has calls, else empty."""
    facts: Facts = {}
    choices: dict[int, Choice] = {}
    async with aclosing(deltas):
        async for delta in deltas:
            if isinstance(delta, dict):
                facts.update(delta)
                continue
            choice = choices.get(delta.index)
            if choice is None:
                choice = choices[delta.index] = Choice(delta.index, {}, "")
            _join(cast(Json, choice.message), cast(Json, delta.message))
            choice.finish_reason = delta.finish_reason or choice.finish_reason
            choice.logprobs = _joined(choice.logprobs, delta.logprobs)
    for choice in choices.values():
        _finish(choice.message)
    return Completion([choices[index] for index in sorted(choices)], facts)


def _join(message: Json, delta: Json) -> None:
    """Merge a delta into a message: texts are concatenated, calls are matched by index, all else is replaced."""
    for name, value in delta.items():
        before = message.get(name)
        if name == "tool_calls" and isinstance(value, list):
            calls: dict[int, Json] = message.setdefault(name, {})
            for fragment in value:
                call = calls.setdefault(fragment["index"], {})
                for member, body in fragment.items():
                    if isinstance(body, dict):
                        _join(call.setdefault(member, {}), body)
                    elif member != "index":
                        call[member] = body
        elif isinstance(value, dict):
            # Always merge into a copy: the delta belongs to the engine, which may return it again.
            message[name] = before if isinstance(before, dict) else {}
            _join(message[name], value)
        else:
            message[name] = before + value if isinstance(value, str) and isinstance(before, str) else value


def _finish(message: Message) -> None:
    calls: Any = message.get("tool_calls")
    if isinstance(calls, dict):  # still keyed by index
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    if not message.get("content"):
        message["content"] = None if "tool_calls" in message or "function_call" in message else ""


def _joined(before: Logprobs | None, more: Logprobs | None) -> Logprobs | None:
    if before is None or more is None:
        return more if before is None else before
    return {
        "content": [*(before["content"] or ()), *(more["content"] or ())],
        "refusal": [*(before["refusal"] or ()), *(more["refusal"] or ())] or None,
    }
