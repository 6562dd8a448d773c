"""The model chooses the kind of its answer by how it begins."""

from __future__ import annotations

import pytest

from app.engines.base import Delta, Message
from app.engines.llama.choosing import Chooser

FORM, GRAMMAR = "in the format", "by the grammar"


def calls(name: str) -> Message:
    return {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": name, "arguments": ""}}]}


def custom(name: str) -> Message:
    return {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": name, "input": ""}}]}


def watched(in_format: str | None, *deltas: Delta) -> tuple[list[bool], str | None]:
    """Which deltas are part of the answer, and what it came to instead."""
    chooser = Chooser(in_format, {"sum": GRAMMAR})
    return [chooser.watch(delta) for delta in deltas], chooser.instead


@pytest.mark.parametrize(
    ("delta", "instead"),
    [
        (Delta(0, {"content": "Hi"}), FORM),
        (Delta(0, {"content": " Hi"}), FORM),
        (Delta(0, {}, "stop"), FORM),
        (Delta(0, calls("get_time")), None),
        (Delta(0, calls("sum")), GRAMMAR),
        (Delta(0, custom("sum")), GRAMMAR),
        (Delta(0, {"function_call": {"name": "sum", "arguments": ""}}), GRAMMAR),
    ],
    ids=str,
)
def test_words_are_asked_for_in_the_format_and_a_call_by_its_grammar(delta: Delta, instead: str | None) -> None:
    assert watched(FORM, delta) == ([instead is None], instead)


def test_white_space_and_thoughts_before_the_choice_are_no_part_of_the_answer() -> None:
    before = Delta(0, {"content": " \n"}), Delta(0, {"reasoning_content": "Hm"}), Delta(0, {})
    assert watched(FORM, *before, Delta(0, calls("get_time"))) == ([False, False, False, True], None)


def test_once_a_call_has_begun_what_follows_is_part_of_the_answer() -> None:
    more: Message = {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
    deltas = Delta(0, calls("get_time")), Delta(0, more), Delta(0, {"content": "Hi"}), Delta(0, calls("sum"))
    assert watched(FORM, *deltas, Delta(0, {}, "tool_calls")) == ([True] * 5, None)


def test_without_a_format_words_are_part_of_the_answer_up_to_a_call_with_a_grammar() -> None:
    deltas = Delta(0, {"content": " "}), Delta(0, {"content": "Well"}), Delta(0, calls("sum"))
    assert watched(None, *deltas) == ([True, True, False], GRAMMAR)
    assert watched(None, deltas[1], Delta(0, {}, "stop")) == ([True, True], None)
