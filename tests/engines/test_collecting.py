"""The deltas of a stream add up to the whole answer, and a whole answer taken apart adds up to itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from copy import deepcopy
from random import Random
from typing import cast

import pytest

from app.engines.base import (
    Choice,
    Completion,
    Delta,
    Deltas,
    Facts,
    Logprobs,
    Message,
    StreamItem,
    TokenLogprob,
    ToolCall,
    usage_of,
)
from app.engines.collecting import collect
from app.engines.dialects.stream import in_deltas
from app.errors import EngineUnavailable


def collected(deltas: Iterable[StreamItem]) -> Completion:
    async def stream() -> Deltas:
        for delta in deltas:
            yield delta

    return asyncio.run(collect(stream()))


def test_texts_are_joined_and_choices_are_in_the_order_of_their_numbers() -> None:
    deltas: list[StreamItem] = [
        {"system_fingerprint": "fp_7"},
        Delta(1, {"content": "b"}),
        Delta(0, {"reasoning_content": "Hm"}),
        Delta(0, {"reasoning_content": "."}),
        Delta(0, {"content": "a"}),
        Delta(1, {"content": "c"}),
        Delta(0, {"refusal": "No"}),
        Delta(0, {"refusal": "."}, "stop"),
        Delta(1, {}, "length"),
        {"usage": usage_of(1, 2)},
    ]
    assert collected(deltas) == Completion(
        [
            Choice(0, {"reasoning_content": "Hm.", "content": "a", "refusal": "No."}, "stop"),
            Choice(1, {"content": "bc"}, "length"),
        ],
        {"system_fingerprint": "fp_7", "usage": usage_of(1, 2)},
    )


def test_fragments_are_joined_to_calls_in_the_order_of_their_indexes() -> None:
    deltas = [
        Delta(0, {"tool_calls": [{"index": 1, "id": "b", "type": "custom", "custom": {"name": "g", "input": ""}}]}),
        Delta(0, {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f"}}]}),
        Delta(
            0, {"tool_calls": [{"index": 1, "custom": {"input": "x"}}, {"index": 0, "function": {"arguments": "{"}}]}
        ),
        Delta(0, {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}),
        Delta(0, {}, "tool_calls"),
    ]
    (choice,) = collected(deltas).choices
    assert choice.message == {
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "custom", "custom": {"name": "g", "input": "x"}},
        ],
        "content": None,
    }


def test_a_function_call_is_joined() -> None:
    calls: list[Message] = [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}}]
    (choice,) = collected([*(Delta(0, call) for call in calls), Delta(0, {}, "function_call")]).choices
    assert choice.message == {"function_call": {"name": "f", "arguments": "{}"}, "content": None}


@pytest.mark.parametrize("message", [{}, {"content": None}, {"content": ""}, {"refusal": "No."}], ids=str)
def test_a_message_without_text_has_an_empty_one(message: Message) -> None:
    (choice,) = collected([Delta(0, message, "stop")]).choices
    assert choice.message["content"] == ""


def test_log_probabilities_are_joined_and_none_is_not_an_empty_list() -> None:
    one, two = ({"token": token, "logprob": -0.5, "bytes": None} for token in "ab")
    parts = [{"content": [one], "refusal": None}, None, {"content": [two], "refusal": [one]}]
    deltas = [Delta(0, {"content": "a"}, None, cast("Logprobs | None", part)) for part in parts]
    (choice,) = collected([*deltas, Delta(0, {}, "stop")]).choices
    assert choice.logprobs == {"content": [one, two], "refusal": [one]}


def test_a_stream_that_fails_is_closed_and_its_error_is_told() -> None:
    closed = False

    async def stream() -> Deltas:
        nonlocal closed
        try:
            yield Delta(0, {"content": "a"})
            raise EngineUnavailable("gone")
        finally:
            closed = True

    with pytest.raises(EngineUnavailable):
        asyncio.run(collect(stream()))
    assert closed


# Generated answers.


def text(random: Random) -> str:
    return "".join(random.choice("ab é\n€") for _ in range(random.randrange(6)))


def entries(random: Random) -> list[TokenLogprob] | None:
    kept = [{"token": text(random), "logprob": -random.random(), "bytes": None} for _ in range(random.randrange(3))]
    return cast("list[TokenLogprob]", kept) if random.random() < 0.7 else None


def call(random: Random, index: int) -> ToolCall:
    name = random.choice("fg")
    if random.random() < 0.3:
        return {"id": f"call_{index}", "type": "custom", "custom": {"name": name, "input": text(random)}}
    return {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": text(random)}}


def message(random: Random) -> Message:
    """A message as engines give it: without text its content is null beside calls, else empty."""
    made: Message = {}
    if random.random() < 0.3:
        made["tool_calls"] = [call(random, index) for index in range(random.randrange(1, 4))]
    elif random.random() < 0.3:
        made["function_call"] = {"name": "f", "arguments": text(random)}
    for name in ("refusal", "reasoning_content"):
        if random.random() < 0.3:
            made[name] = text(random)
    if random.random() < 0.2:
        made["annotations"] = [{"type": "url_citation"}]
    if random.random() < 0.2:
        made["audio"] = {"id": "a", "data": "b"}
    made["content"] = text(random) or (None if "tool_calls" in made or "function_call" in made else "")
    return made


def completion(random: Random) -> Completion:
    choices = []
    for index in range(random.randrange(1, 4)):
        logprobs: Logprobs | None = {"content": entries(random), "refusal": entries(random)}
        reason = random.choice(("stop", "length", "tool_calls"))
        choices.append(Choice(index, message(random), reason, logprobs if random.random() < 0.5 else None))
    facts: Facts = {}
    if random.random() < 0.5:
        facts["service_tier"] = random.choice(("default", None))
    if random.random() < 0.5:
        facts["moderation"] = {"flagged": False}
    if random.random() < 0.8:
        facts["usage"] = usage_of(random.randrange(9), random.randrange(9))
    return Completion(choices, facts)


def cut(random: Random, delta: Delta) -> Iterable[Delta]:
    """A delta as several, of which each brings a part of it."""
    whole = delta.message
    halves: tuple[Message, Message] = {}, {}
    for name in ("content", "refusal", "reasoning_content"):
        value = whole.get(name)
        if isinstance(value, str):
            at = random.randrange(len(value) + 1)
            halves[0][name], halves[1][name] = value[:at], value[at:]
        elif name in whole:
            halves[0][name] = None
    for name in ("tool_calls", "function_call", "annotations", "audio"):
        if name in whole:
            halves[random.randrange(2)][name] = whole[name]  # type: ignore[literal-required]
    yield Delta(delta.index, halves[0], None, delta.logprobs)
    yield Delta(delta.index, halves[1], delta.finish_reason)


@pytest.mark.parametrize("cutting", [False, True], ids=["as it is", "cut"])
def test_a_whole_answer_taken_apart_adds_up_to_itself(cutting: bool) -> None:
    random = Random(11)
    for _ in range(300):
        answer = completion(random)
        deltas: Iterable[StreamItem] = in_deltas(deepcopy(answer))
        if cutting:
            deltas = [part for each in deltas for part in (cut(random, each) if isinstance(each, Delta) else (each,))]
        assert collected(deltas) == answer


def test_the_usage_of_an_answer_taken_apart_comes_last() -> None:
    answer = Completion([Choice(0, {"content": "a"}, "stop")], {"usage": usage_of(1, 1), "service_tier": "flex"})
    assert list(in_deltas(answer)) == [
        {"service_tier": "flex"},
        Delta(0, {"content": "a"}, "stop"),
        {"usage": usage_of(1, 1)},
    ]
    assert answer.facts == {"usage": usage_of(1, 1), "service_tier": "flex"}
