"""Puts the deltas of a stream together to whole choices."""

from __future__ import annotations

from contextlib import aclosing
from typing import TypeVar

from .base import Choice, Completion, CustomCall, Deltas, Facts, FunctionCall, Logprobs, Message, ToolCall

T = TypeVar("T")


async def collect(deltas: Deltas) -> Completion:
    """The answer that a stream adds up to. A message without text has null for content beside calls, else no text."""
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
            _add(choice.message, delta.message)
            choice.finish_reason = delta.finish_reason or choice.finish_reason
            choice.logprobs = _more_logprobs(choice.logprobs, delta.logprobs)
    for choice in choices.values():
        message = choice.message
        if not message.get("content"):
            message["content"] = None if "tool_calls" in message or "function_call" in message else ""
        for call in message.get("tool_calls") or ():
            call.pop("index", None)
    return Completion([choices[index] for index in sorted(choices)], facts)


def _add(message: Message, delta: Message) -> None:
    # Members one by one, for each has a type of its own.
    if "content" in delta:
        message["content"] = (message.get("content") or "") + (delta["content"] or "")
    if "refusal" in delta:
        message["refusal"] = message.get("refusal", "") + delta["refusal"]
    if "reasoning_content" in delta:
        message["reasoning_content"] = message.get("reasoning_content", "") + delta["reasoning_content"]
    if "tool_calls" in delta:
        calls = message.setdefault("tool_calls", [])
        for fragment in delta["tool_calls"]:
            _add_fragment(calls, fragment)
    if "function_call" in delta:
        message["function_call"] = _joined_function(message.get("function_call", {}), delta["function_call"])
    if "annotations" in delta:
        message["annotations"] = delta["annotations"]
    if "audio" in delta:
        message["audio"] = delta["audio"]


def _add_fragment(calls: list[ToolCall], fragment: ToolCall) -> None:
    """Add a fragment of a call to the calls so far, which are in the order of their indexes."""
    index = fragment["index"]
    call = next((call for call in calls if call["index"] == index), None)
    if call is None:
        call = {"index": index}
        calls.append(call)
        calls.sort(key=lambda call: call["index"])
    if "id" in fragment:
        call["id"] = fragment["id"]
    if "type" in fragment:
        call["type"] = fragment["type"]
    if "function" in fragment:
        call["function"] = _joined_function(call.get("function", {}), fragment["function"])
    if "custom" in fragment:
        call["custom"] = _joined_custom(call.get("custom", {}), fragment["custom"])


def _joined_function(before: FunctionCall, more: FunctionCall) -> FunctionCall:
    name, arguments = before.get("name", "") + more.get("name", ""), before.get("arguments", "")
    return {"name": name, "arguments": arguments + more.get("arguments", "")}


def _joined_custom(before: CustomCall, more: CustomCall) -> CustomCall:
    return {
        "name": before.get("name", "") + more.get("name", ""),
        "input": before.get("input", "") + more.get("input", ""),
    }


def _more_logprobs(before: Logprobs | None, more: Logprobs | None) -> Logprobs | None:
    if before is None or more is None:
        return more if before is None else before
    return {
        "content": _extended(before["content"], more["content"]),
        "refusal": _extended(before["refusal"], more["refusal"]),
    }


def _extended(before: list[T] | None, more: list[T] | None) -> list[T] | None:
    return more if before is None else before if more is None else [*before, *more]
