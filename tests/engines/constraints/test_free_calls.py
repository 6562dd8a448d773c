"""Calls that a model makes by itself, between marks that it was told of: nothing binds it to them."""

from __future__ import annotations

import pytest

from app.engines.constraints.calls import Found
from app.errors import ServerError

from .test_calls import CALL, WEATHER, called, function, made, tools, words

NO_CALLS = [
    f"<tool_call>\n{CALL[:-4]}",
    "<tool_call>",
    "Well, <tool_call>nonsense</tool_call>",
    '<tool_call>\n{"name": "other", "arguments": {}}\n</tool_call>',
    '<tool_call>\n{"name": "get_time", "arguments": [1]}\n</tool_call>',
    f'<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{{"name": "other", "arguments": {{}}}}\n</tool_call>',
]


@pytest.mark.parametrize("text", NO_CALLS)
@pytest.mark.parametrize("reason", ["stop", "length"])
def test_what_nothing_bound_to_calls_and_is_none_is_said(text: str, reason: str) -> None:
    for pieces in ([text], list(text)):
        choice = made(words(*pieces, reason=reason), tools(), Found.AT_MARK, bound=False)
        assert (choice.message, choice.finish_reason) == ({"content": text}, reason)


def test_calls_that_nothing_bound_are_made_and_must_fit_only_where_they_are_strict() -> None:
    text = f"Well, <tool_call>\n{CALL.replace('Rome', 'Bonn')}\n</tool_call>"
    for pieces in ([text], list(text)):
        choice = made(words(*pieces), tools(), Found.AT_MARK, bound=False)
        assert choice.message["content"] == "Well, "
        assert called(choice) == [("get_weather", '{"city": "Bonn"}')]
        assert choice.finish_reason == "tool_calls"
    with pytest.raises(ServerError):
        made(words(text), tools(function(WEATHER, strict=True)), Found.AT_MARK, bound=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"Hi <tool_call>\n{CALL}\n</tool_call> and more.", "Hi and more."),
        (f"<tool_call>Well:\n{CALL}\n</tool_call>", "Well:\n"),
        (f"<tool_call>\n{CALL}\n</tool_call>\n", ""),
        (f"<tool_call>\n{CALL}", ""),
        (f"<tool_call>\n{CALL}\n</tool_call> so <tool_call>\n{CALL}\n</tool_call>", "so <tool_call>\n"),
    ],
    ids=range(5),
)
def test_what_stands_around_calls_is_said(text: str, said: str) -> None:
    choice = made(words(text), tools(parallel_tool_calls=True), Found.AT_MARK, bound=False)
    assert (choice.message.get("content") or "").replace("  ", " ") == said
    assert called(choice)
