"""Answers as text: how they are asked for, and what of them is told when something was told before."""

from __future__ import annotations

from typing import Any

import pytest

from app.engines.base import Delta, Logprobs, Message, StreamItem, usage_of
from app.engines.llama.text import Remainder, Thoughts, as_text
from app.jsontypes import Json

USAGE: StreamItem = {"usage": usage_of(3, 2)}
END = Delta(0, {}, "stop")


def says(text: str, logprobs: Logprobs | None = None) -> Delta:
    return Delta(0, {"content": text}, None, logprobs)


def picture(data: str) -> Json:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def sound(data: str) -> Json:
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def test_what_only_a_request_for_a_chat_has_is_left_out_and_all_else_stays() -> None:
    chat: Json = {
        "messages": [{"role": "user", "content": "SECRET"}],
        "chat_template_kwargs": {"tools": [1]},
        "reasoning_effort": "low",
        "reasoning_format": "none",
        "thinking_budget_tokens": 7,
        "tools": [1],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }
    other: Json = {
        "grammar": "g",
        "temperature": 0.5,
        "max_tokens": 9,
        "stop": ["x"],
        "seed": 4,
        "logit_bias": [[1, 2]],
    }
    payload = {**chat, **other}
    text = as_text(payload, "the prompt")
    fields = text.pop("response_fields")
    assert text == {**other, "prompt": "the prompt"}
    assert "prompt" not in fields, "llama.cpp would repeat it at the end"
    assert set(fields) >= {"content", "stop", "stop_type", "timings"}
    assert payload == {**chat, **other}, "what was given stays as it is"


def test_pictures_and_sounds_go_with_the_prompt_in_their_order() -> None:
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, picture("UDE="), sound("UzE=")]},
        {"role": "assistant", "content": "A", "tool_calls": []},
        {"role": "user", "content": [picture("UDI=")]},
    ]
    assert as_text({"messages": messages}, "p")["prompt"] == {
        "prompt_string": "p",
        "multimodal_data": ["UDE=", "UzE=", "UDI="],
    }


@pytest.mark.parametrize("most", [1, 5])
def test_log_probabilities_are_asked_for_by_the_name_that_they_have_for_texts(most: int) -> None:
    text = as_text({"messages": [], "logprobs": True, "top_logprobs": most}, "p")
    assert text["n_probs"] == most
    assert not {"logprobs", "top_logprobs"} & text.keys()
    assert "n_probs" not in as_text({"messages": []}, "p")


def thought(*texts: str) -> tuple[Thoughts, list[Any]]:
    thoughts = Thoughts("p")
    deltas = [told for text in texts for told in thoughts.feed(says(text))]
    return thoughts, [delta.message for delta in deltas]


def test_white_space_at_the_end_of_thoughts_is_not_told_but_between_them_it_is() -> None:
    thoughts, told = thought("Well", ",", " ", "\n", "so be it.", "\n\n", " ")
    assert told == [{"reasoning_content": text} for text in ("Well", ",", " \nso be it.")]
    assert thoughts.text == "Well, \nso be it."


def test_thoughts_of_nothing_but_white_space_are_none() -> None:
    thoughts, told = thought("\n", " ")
    assert (thoughts.text, told) == ("", [])


def test_the_end_of_thoughts_tells_what_they_took_and_is_no_end_of_the_answer() -> None:
    thoughts, _ = thought("Well")
    assert thoughts.usage is None
    assert [*thoughts.feed(END), *thoughts.feed(USAGE), *thoughts.feed({"system_fingerprint": "f"})] == []
    assert thoughts.usage == usage_of(3, 2)


def left(told: list[Message], *pieces: str) -> tuple[str, list[StreamItem]]:
    """What is left to tell of a text in pieces, and all that comes after it."""
    remainder = Remainder()
    for message in told:
        remainder.tell(Delta(0, message))
    remainder.tell(USAGE)
    items = [*map(says, pieces), Delta(0, {}, "stop"), USAGE]
    made = [each for item in items for each in remainder.untold(item)]
    return "".join(each.message.get("content") or "" for each in made if isinstance(each, Delta)), made[-2:]


THOUGHTS: Message = {"reasoning_content": "Let me "}
MORE: Message = {"reasoning_content": "see."}
WORDS: Message = {"content": "Hi"}
CALL: Message = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f"}}]}
TEXT = "<think>Let me see.</think>\n\nHi, you <odd>"


@pytest.mark.parametrize(
    ("told", "rest"),
    [
        ([], TEXT),
        ([{}, {"content": ""}, {"content": None}], TEXT),
        ([THOUGHTS], "see.</think>\n\nHi, you <odd>"),
        ([THOUGHTS, MORE], "</think>\n\nHi, you <odd>"),
        ([THOUGHTS, MORE, WORDS], ", you <odd>"),
        ([WORDS, {"content": ", you"}], " <odd>"),
        ([THOUGHTS, MORE, WORDS, CALL], ""),
        ([CALL], ""),
        ([{"content": "Something else"}], TEXT),
        ([THOUGHTS, {"content": "Something else"}], "see.</think>\n\nHi, you <odd>"),
        ([THOUGHTS, MORE, WORDS, {"content": "you"}], " <odd>"),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("pieces", [[TEXT], list(TEXT), [TEXT[:20], TEXT[20:30], TEXT[30:]]], ids=range(3))
def test_what_follows_the_last_of_what_was_told_is_left_to_tell(
    told: list[Message], rest: str, pieces: list[str]
) -> None:
    said, end = left(told, *pieces)
    assert said == rest
    assert end[-2:] == [Delta(0, {}, "length" if CALL in told else "stop"), USAGE]


def test_an_end_that_comes_with_text_is_told_with_what_is_left() -> None:
    remainder = Remainder()
    remainder.tell(says("Hi"))
    assert list(remainder.untold(Delta(0, {"content": "Hi."}, "length"))) == [says("."), Delta(0, {}, "length")]
    remainder = Remainder()
    remainder.tell(Delta(0, CALL))
    assert list(remainder.untold(Delta(0, {"content": "Hi."}, "length"))) == [Delta(0, {}, "length")]


def test_log_probabilities_are_told_only_where_nothing_was() -> None:
    logprobs: Logprobs = {"content": [{"token": "Hi"}], "refusal": None}
    assert list(Remainder().untold(says("Hi", logprobs))) == [says("Hi", logprobs)]
    remainder = Remainder()
    remainder.tell(Delta(0, {"content": "H"}))
    assert list(remainder.untold(says("Hi", logprobs))) == [says("i")]
