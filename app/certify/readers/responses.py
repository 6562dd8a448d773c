"""Reads responses, whole or from their events: the items of the output become the message of a single choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...jsontypes import Json
from ..values import get, items, members

# The last event of a stream, by its type.
ENDS = ("response.completed", "response.incomplete", "response.failed")
_FILLS = {
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
_COUNTS = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "prompt_tokens_details": "input_tokens_details",
    "completion_tokens_details": "output_tokens_details",
}


def whole(content: Any) -> Json:
    """A response as a chat completion."""
    return _completion(members(content), items(content, "output"))


def joined(events: Sequence[Any]) -> Json:
    """A streamed response as a chat completion: the output is assembled from the deltas of each item, the rest comes
    from the last event."""
    last = next((event for event in reversed(events) if get(event, "type") in ENDS), None)
    return _completion(members(last, "response"), _filled(events))


def _filled(events: Sequence[Any]) -> list[Json]:
    """The items of an output, each assembled from its beginning and its deltas."""
    found: dict[str, Json] = {}
    for event in events:
        kind = str(get(event, "type"))
        if kind == "response.output_item.added":
            item = dict(members(event, "item"))
            found[str(item.get("id"))] = {**item, "content": []}
            continue
        made = found.get(str(get(event, "item_id")))
        delta = get(event, "delta")
        if made is None or not isinstance(delta, str):
            continue
        if kind == "response.output_text.delta":
            made["content"].append({"type": "output_text", "text": delta, "logprobs": items(event, "logprobs")})
        elif kind == "response.refusal.delta":
            made["content"].append({"type": "refusal", "refusal": delta})
        elif kind == "response.reasoning_text.delta":
            made["content"].append({"type": "reasoning_text", "text": delta})
        elif kind in _FILLS:
            made[_FILLS[kind]] = f"{made.get(_FILLS[kind]) or ''}{delta}"
    return list(found.values())


def _completion(response: Json, output: Sequence[Any]) -> Json:
    message: Json = {"role": "assistant", "content": "", "tool_calls": []}
    tokens: list[Any] = []
    for item in output:
        kind = get(item, "type")
        if kind == "message":
            for part in items(item, "content"):
                name = "refusal" if get(part, "type") == "refusal" else "content"
                message[name] = f"{message.get(name) or ''}{_text(part)}"
                tokens += items(part, "logprobs")
                if items(part, "annotations"):
                    message["annotations"] = items(part, "annotations")
        elif kind == "reasoning":
            parts = items(item, "content") or items(item, "summary")
            message["reasoning_content"] = "".join(_text(part) for part in parts)
        elif kind == "function_call":
            called = {"name": get(item, "name"), "arguments": get(item, "arguments")}
            message["tool_calls"].append({"id": get(item, "call_id"), "type": "function", "function": called})
        elif kind == "custom_tool_call":
            called = {"name": get(item, "name"), "input": get(item, "input")}
            message["tool_calls"].append({"id": get(item, "call_id"), "type": "custom", "custom": called})
    choice = {"index": 0, "message": message, "finish_reason": _reason(response, message)}
    if tokens:
        choice["logprobs"] = {"content": tokens}
    usage = members(response, "usage")
    return {
        **response,
        "choices": [choice] if output or response.get("status") in ("completed", "incomplete") else [],
        "usage": {**usage, **{ours: usage.get(theirs) for ours, theirs in _COUNTS.items()}} if usage else None,
    }


def _text(part: Any) -> str:
    found = get(part, "text") if get(part, "type") != "refusal" else get(part, "refusal")
    return found if isinstance(found, str) else ""


def _reason(response: Json, message: Json) -> str | None:
    """The chat finish reason of an answer."""
    if response.get("status") == "incomplete":
        why = get(response, "incomplete_details", "reason")
        return "length" if why == "max_output_tokens" else str(why)
    if response.get("status") != "completed":
        return None
    return "tool_calls" if message["tool_calls"] else "stop"
