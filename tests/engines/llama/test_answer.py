"""An answer that is bound from its first token on follows a written prompt, with thoughts up to their bound before it;
and what llama.cpp's parser cannot read is a text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.engines.base import Completion, Delta, StreamItem, usage_of
from app.engines.dialects.llama_cpp.errors import TemplateRefused, Unreadable
from app.engines.llama.plan import LlamaPlan
from app.errors import BadRequest, EngineUnavailable, ServerError
from app.jsontypes import Json

from ..chunks import ROLE, chunk
from . import templates
from .requests import HELLO, MOOD, NAMED, PLAIN, form
from .scripted_process import CONTEXT_LENGTH, Answer, ScriptedProcess, calling, saying, writing

Using = Callable[..., Any]
UNREAD: Json = {
    "error": {
        "code": 500,
        "type": "server_error",
        "message": "The model produced output that does not match the expected",
    }
}
GOOD = '"good"'
FORMAT: Json = {"response_format": form(MOOD)}
THINKING: Json = {**FORMAT, "reasoning_effort": "low"}
LOW = CONTEXT_LENGTH // 16
PROMPT = templates.plain({"messages": HELLO})


async def whole(plan: LlamaPlan) -> Completion:
    return await plan.complete()


async def streamed(plan: LlamaPlan) -> list[StreamItem]:
    return [delta async for delta in plan.stream()]


def process(*answers: Answer, renders: templates.Template = templates.plain) -> ScriptedProcess:
    return ScriptedProcess(*answers, renders=renders)


def message(made: Completion) -> Any:
    return made.choices[0].message


# What llama.cpp's parser cannot read.


@pytest.mark.parametrize(
    "failing", [[Unreadable("x")], [UNREAD], [chunk(ROLE), UNREAD], [chunk(ROLE), Unreadable("x")]], ids=range(4)
)
@pytest.mark.parametrize(("end", "reason"), [("eos", "stop"), ("word", "stop"), ("limit", "length")])
def test_an_answer_that_cannot_be_read_is_asked_for_as_a_text(
    using: Using, failing: Any, end: str, reason: str
) -> None:
    asked = process(failing, writing("Hi", " <odd>", end=end, read=5, cached=2))
    made = using(asked, whole, seed=4)
    assert (message(made), made.choices[0].finish_reason) == ({"content": "Hi <odd>"}, reason)
    assert made.facts == {"usage": usage_of(7, 2, cached=2)}
    first, second = asked.asked
    assert second["prompt"] == PROMPT
    assert "messages" not in second
    assert second["seed"] == first["seed"] == 4
    assert asked.open == 0


def test_of_an_answer_that_was_told_in_part_the_rest_is_told_as_it_is(using: Using) -> None:
    before = [chunk(ROLE), chunk({"reasoning_content": "Hm"}), chunk({"content": "Well"}), UNREAD]
    asked = process(before, writing("<think>", "Hm", "</think>", "\n\nWell", ", then", " <odd>"))
    assert using(asked, streamed) == [
        Delta(0, {"reasoning_content": "Hm"}),
        Delta(0, {"content": "Well"}),
        Delta(0, {"content": ", then"}),
        Delta(0, {"content": " <odd>"}),
        Delta(0, {}, "stop"),
        {"usage": usage_of(3, 6)},
    ]
    assert len(asked.asked) == 2


def test_a_text_ends_at_stop_sequences_too(using: Using) -> None:
    asked = process([UNREAD], writing("Hi", " E", "ND", " never"))
    made = using(asked, whole, stop="END")
    assert (message(made)["content"], made.choices[0].finish_reason) == ("Hi ", "stop")
    assert made.facts["usage"] == usage_of(3, 4), "it is read to its end"


def test_a_text_that_is_asked_for_again_reads_its_prompt_afresh(using: Using) -> None:
    asked = process([UNREAD], writing("Hi"))
    using(asked, whole, seed=1)
    assert [payload["cache_prompt"] for payload in asked.asked] == [True, False]


def test_a_text_has_its_log_probabilities(using: Using) -> None:
    made = using(process([UNREAD], writing("Hi", ".")), whole, logprobs=True, top_logprobs=2)
    assert [entry["token"] for entry in made.choices[0].logprobs["content"]] == ["Hi", "."]


def test_a_call_that_was_told_stays_the_answer_and_words_that_are_none_are_said(using: Using) -> None:
    told = [*calling("weather", '{"city": "Rome"}')[:-2], UNREAD]
    made = using(process(told, writing("<call>", '{"city": "Rome"}', "</call>")), whole, tools=[PLAIN])
    assert message(made)["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert (message(made)["content"], made.choices[0].finish_reason) == (None, "tool_calls")
    made = using(process([UNREAD], writing("<call>", "nonsense")), whole, tools=[PLAIN])
    assert (message(made), made.choices[0].finish_reason) == ({"content": "<call>nonsense"}, "stop")


def test_a_text_that_fails_as_well_is_an_error(using: Using) -> None:
    for failure, error in ((EngineUnavailable("gone"), EngineUnavailable), (UNREAD, ServerError)):
        asked = process([UNREAD], [failure])
        with pytest.raises(error):
            using(asked, whole)
        assert len(asked.asked) == 2


def test_other_failures_are_not_asked_about_again(using: Using) -> None:
    asked = process([chunk(ROLE), {"error": {"code": 500, "type": "server_error", "message": "other"}}])
    with pytest.raises(ServerError):
        using(asked, whole)
    assert len(asked.asked) == 1


# What is bound.


@pytest.mark.parametrize(
    ("template", "lead"),
    [(templates.plain, ""), (templates.functionary, "all\n"), (templates.gpt_oss, "<|channel|>final<|message|>")],
    ids=["plain", "functionary", "gpt-oss"],
)
def test_a_bound_answer_follows_the_prompt_and_what_stands_before_answers(
    using: Using, template: templates.Template, lead: str
) -> None:
    asked = process(writing(GOOD), renders=template)
    made = using(asked, whole, **FORMAT)
    assert message(made) == {"content": GOOD}
    assert made.facts == {"usage": usage_of(max(3 - len(lead), 0), 1)}, "what we wrote does not count"
    (payload,) = asked.asked
    assert payload["prompt"] == f"{template({'messages': HELLO})}{lead}"
    assert "grammar" in payload
    assert "messages" not in payload


def test_a_call_that_must_be_made_follows_the_prompt_too(using: Using) -> None:
    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
    asked = process(writing(*call), renders=templates.functionary)
    made = using(asked, whole, tools=[PLAIN], tool_choice=NAMED)
    assert message(made)["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert asked.asked[0]["prompt"].endswith("<|im_start|>assistant\nall\n")
    assert "weather" in asked.asked[0]["prompt"]


def test_several_choices_write_the_prompt_once(using: Using) -> None:
    asked = process(writing(GOOD))

    async def four(plan: LlamaPlan) -> list[Any]:
        return [message(each) for each in await asyncio.gather(*(plan.complete(choice) for choice in range(4)))]

    assert using(asked, four, **FORMAT) == [{"content": GOOD}] * 4
    assert asked.calls["prompt"] == 1
    assert len({payload["seed"] for payload in asked.asked}) == 4
    assert {payload["prompt"] for payload in asked.asked} == {PROMPT}


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (FORMAT, "response_format.json_schema.schema"),
        ({"tools": [PLAIN], "tool_choice": "required"}, "tool_choice"),
    ],
    ids=["format", "call"],
)
def test_a_grammar_that_llama_cpp_refuses_is_the_fault_of_what_it_comes_from(
    using: Using, request_: Json, param: str
) -> None:
    for failure in (TemplateRefused("x", param="messages"), {"error": {"code": 400, "message": "SECRET"}}):
        with pytest.raises(BadRequest) as caught:
            using(process([failure]), whole, **request_)
        assert caught.value.param == param
        assert "SECRET" not in caught.value.message


def test_a_bound_answer_of_no_tokens_has_none(using: Using) -> None:
    asked = process(writing('"', end="limit"))
    made = using(asked, whole, max_completion_tokens=0, **FORMAT)
    assert (message(made), made.choices[0].finish_reason) == ({"content": ""}, "length")
    assert made.facts["usage"]["completion_tokens"] == 0


# Thoughts before it.

OPENED = f"{PROMPT}<think>\n"
OURS = len("<think>\n")  # a scripted process counts characters


def thinking(thoughts: Answer, answer: Answer) -> ScriptedProcess:
    return process(thoughts, answer, renders=templates.qwen3)


def test_thoughts_come_first_and_the_answer_follows_them(using: Using) -> None:
    asked = thinking(writing("Well", ", well", "\n", end="word", read=OURS + 3, cached=2), writing(GOOD))
    assert using(asked, streamed, "reasoning", **THINKING) == [
        Delta(0, {"reasoning_content": "Well"}),
        Delta(0, {"reasoning_content": ", well"}),
        Delta(0, {"content": GOOD}),
        Delta(0, {}, "stop"),
        {"usage": usage_of(5, 4, cached=2, reasoning=3)},  # without what we wrote
    ]
    first, second = asked.asked
    assert first["prompt"] == OPENED
    assert first["stop"] == first["preserved_tokens"] == ["</think>"]
    assert first["max_tokens"] == LOW
    assert "grammar" not in first
    assert second["prompt"] == f"{OPENED}Well, well\n</think>\n\n"
    assert second["stop"] == []
    assert "grammar" in second
    assert first["seed"] == second["seed"]
    assert asked.most == 1, "the thoughts end before the answer begins"


def test_thoughts_that_reach_their_bound_are_closed(using: Using) -> None:
    asked = thinking(writing("Well", " ", "then", end="limit"), writing(GOOD))
    made = using(asked, whole, "reasoning", **THINKING)
    assert message(made) == {"reasoning_content": "Well then", "content": GOOD}
    assert made.choices[0].finish_reason == "stop"
    assert asked.asked[1]["prompt"] == f"{OPENED}Well then\n</think>\n\n"


def test_thoughts_and_answer_share_the_limit_of_tokens(using: Using) -> None:
    asked = thinking(writing("a", "b", "c", end="limit", read=OURS + 3), writing('"go', end="limit"))
    made = using(asked, whole, "reasoning", max_completion_tokens=7, **THINKING)
    assert [payload["max_tokens"] for payload in asked.asked] == [3, 4]
    assert made.choices[0].finish_reason == "length"
    assert made.facts["usage"] == usage_of(3, 4, reasoning=3)


def test_without_room_for_thoughts_they_are_closed_at_once(using: Using) -> None:
    asked = thinking(writing(GOOD), [])
    made = using(asked, whole, "reasoning", max_completion_tokens=1, **THINKING)
    assert message(made) == {"content": GOOD}
    assert made.facts["usage"] == usage_of(0, 1), "what we wrote does not count"
    (payload,) = asked.asked
    assert payload["prompt"] == f"{OPENED}\n</think>\n\n"
    assert payload["max_tokens"] == 1


def test_a_context_that_is_nearly_full_bounds_thoughts(using: Using) -> None:
    long = [{"role": "user", "content": "a" * (CONTEXT_LENGTH - len(OPENED) - 20)}]
    asked = thinking(writing("a"), writing(GOOD))
    using(asked, whole, "reasoning", **{**THINKING, "messages": long})
    room = CONTEXT_LENGTH - len(asked.asked[0]["prompt"])
    assert 0 < asked.asked[0]["max_tokens"] == room // 2 < LOW


def test_stop_sequences_do_not_end_thoughts(using: Using) -> None:
    asked = thinking(writing("a END", " b", end="word", read=OURS + 3), writing('"good', "END"))
    made = using(asked, whole, "reasoning", stop=["END"], **THINKING)
    assert message(made) == {"reasoning_content": "a END b", "content": '"good'}
    assert made.choices[0].finish_reason == "stop"
    assert made.facts["usage"] == usage_of(3, 4, reasoning=2)


def test_log_probabilities_are_those_of_the_answer_alone(using: Using) -> None:
    asked = thinking(writing("Well", end="word"), writing('"', "good", '"'))
    made = using(asked, whole, "reasoning", logprobs=True, **THINKING)
    assert [entry["token"] for entry in made.choices[0].logprobs["content"]] == ['"', "good", '"']
    assert ["n_probs" in payload for payload in asked.asked] == [False, True]


def test_leaving_during_thoughts_ends_them(using: Using) -> None:
    asked = thinking(writing("Well", ", well"), writing(GOOD))

    async def close(plan: LlamaPlan) -> None:
        deltas = plan.stream()
        await anext(deltas)
        assert asked.open == 1
        await deltas.aclose()

    using(asked, close, "reasoning", **THINKING)
    assert (asked.open, len(asked.asked)) == (0, 1)


@pytest.mark.parametrize("failing", [[EngineUnavailable("gone")], writing("a")[:1]], ids=["gone", "cut off"])
def test_thoughts_that_fail_are_an_error(using: Using, failing: Answer) -> None:
    asked = thinking(failing, writing(GOOD))
    with pytest.raises(EngineUnavailable):
        using(asked, whole, "reasoning", **THINKING)
    assert len(asked.asked) == 1


def test_a_format_that_was_chosen_freely_is_bound_after_thoughts_as_well(using: Using) -> None:
    asked = process(saying("Good!"), writing("Well", end="word"), writing(GOOD), renders=templates.qwen3)
    made = using(asked, whole, "reasoning", tools=[PLAIN], **THINKING)
    assert message(made) == {"reasoning_content": "Well", "content": GOOD}
    assert [("messages" in payload, "grammar" in payload) for payload in asked.asked] == [
        (True, False),
        (False, False),
        (False, True),
    ]
