"""Validates a conversation beyond the schema of its messages: each tool call has an answer, each answer has a call."""

from __future__ import annotations

from ..errors import BadRequest
from ..jsontypes import Json


def check_conversation(messages: list[Json]) -> None:
    """Validate that the messages form a conversation.

    Raises:
        BadRequest: an assistant message is empty, two of its calls have the same id, a tool call has no answer, or an
            answer has no call.
    """
    waiting: dict[str, str] = {}
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            if waiting.pop(message["tool_call_id"], None) is None:
                raise BadRequest(
                    f"Invalid value for 'messages[{index}].tool_call_id': a message of the role 'tool' must answer a "
                    "tool call of the assistant message before it, and each call has one answer.",
                    param=f"messages[{index}].tool_call_id",
                    code="invalid_value",
                )
            continue
        if waiting:
            _refuse_waiting(waiting)
        if role == "assistant" and (message.get("content") is None or "tool_calls" in message):
            waiting = _calls(message, index)
    if waiting:
        _refuse_waiting(waiting)


def _calls(message: Json, index: int) -> dict[str, str]:
    """The ids of a message's tool calls, each with its path in the request."""
    calls = message.get("tool_calls") or ()
    if not calls:
        if any(message.get(name) is not None for name in ("content", "refusal", "function_call", "audio")):
            return {}
        raise BadRequest(
            f"Missing required parameter: 'messages[{index}].content'. Only a message with tool calls or a refusal may "
            "leave it out.",
            param=f"messages[{index}].content",
            code="missing_required_parameter",
        )
    places: dict[str, str] = {}
    for number, call in enumerate(calls):
        place = f"messages[{index}].tool_calls[{number}]"
        if places.setdefault(call["id"], place) != place:
            raise BadRequest(
                f"Invalid value for '{place}.id': another tool call of the message has the same id; each call needs "
                "its own.",
                param=f"{place}.id",
                code="invalid_value",
            )
    return places


def _refuse_waiting(waiting: dict[str, str]) -> None:
    for place in waiting.values():
        raise BadRequest(
            f"The tool call at '{place}' has no answer: it must be followed by a message of the role 'tool' with its "
            "id.",
            param=place,
            code="missing_tool_answer",
        )
