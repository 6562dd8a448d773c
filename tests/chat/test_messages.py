"""Tool calls are answered and answers were called for; an assistant's message says something."""

from typing import Any

import pytest

from app.chat.messages import check_conversation
from app.errors import BadRequest

USER: dict[str, Any] = {"role": "user", "content": "x"}


def calls(*ids: str) -> dict[str, Any]:
    made = [{"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in ids]
    return {"role": "assistant", "content": None, "tool_calls": made}


def answer(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "y"}


@pytest.mark.parametrize(
    "messages",
    [
        [USER],
        [USER, calls("a"), answer("a")],
        [USER, calls("a", "b"), answer("b"), answer("a"), USER],
        [USER, calls("a"), answer("a"), calls("a"), answer("a")],
        [USER, {"role": "assistant", "refusal": "no"}, USER],
        [USER, {"role": "assistant", "content": ""}],
        [
            USER,
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "1"},
        ],
    ],
)
def test_conversations_pass(messages: list[dict[str, Any]]) -> None:
    check_conversation(messages)


@pytest.mark.parametrize(
    ("messages", "param", "part"),
    [
        ([USER, answer("a")], "messages[1].tool_call_id", "must answer a tool call"),
        ([USER, calls("a"), answer("b")], "messages[2].tool_call_id", "must answer a tool call"),
        ([USER, calls("a"), answer("a"), answer("a")], "messages[3].tool_call_id", "one answer"),
        ([USER, calls("a"), USER], "messages[1].tool_calls[0]", "has no answer"),
        ([USER, calls("a", "b"), answer("a")], "messages[1].tool_calls[1]", "has no answer"),
        ([USER, calls("a"), answer("a"), USER, answer("a")], "messages[4].tool_call_id", "must answer"),
        ([USER, calls("a", "a"), answer("a")], "messages[1].tool_calls[1].id", "same id"),
        ([USER, {"role": "assistant"}], "messages[1].content", "Missing"),
        ([USER, {"role": "assistant", "content": None, "tool_calls": []}], "messages[1].content", "Missing"),
    ],
)
def test_what_is_no_conversation_is_told_by_place(messages: list[dict[str, Any]], param: str, part: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_conversation(messages)
    assert caught.value.param == param
    assert part in caught.value.message


def test_a_long_id_is_named_in_part() -> None:
    with pytest.raises(BadRequest) as caught:
        check_conversation([calls("x" * 10_000)])
    assert len(caught.value.message) < 300
