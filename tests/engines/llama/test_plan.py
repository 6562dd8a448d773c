"""A plan asks the model process once for each choice, or once more where the model chose another kind of answer, and
whatever happens nothing stays open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.engines.base import Completion, Delta, StreamItem, usage_of
from app.engines.constraints import trials
from app.engines.constraints.schema import Schema
from app.engines.constraints.tools import tools_of
from app.engines.dialects.llama_cpp.request import fold_seed
from app.engines.llama.plan import LlamaPlan
from app.engines.transport.events import MISSING_DONE
from app.errors import ApiError, EngineUnavailable, ServerError
from app.jsontypes import Json
from app.model_process.slots import slot_request

from ...turns import turns_of_others
from ..chunks import ROLE, chunk, completion, last_chunk
from ..scripted_replicas import Whole
from .scripted_process import ScriptedProcess, calling, saying

HELLO = [{"role": "user", "content": "Hello!"}]
TIME: Json = {"type": "function", "function": {"name": "get_time"}}
SUM: Json = {
    "type": "custom",
    "custom": {"name": "sum", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[0-9]+"}}},
}
MOOD: Json = {"type": "json_schema", "json_schema": {"name": "m", "schema": {"enum": ["good", "bad"]}}}


Using = Callable[..., Any]


async def whole(plan: LlamaPlan) -> Completion:
    return await plan.complete()


async def streamed(plan: LlamaPlan) -> list[StreamItem]:
    return [delta async for delta in plan.stream()]


def test_an_answer_is_streamed_and_its_usage_comes_last(using: Using) -> None:
    process = ScriptedProcess(saying("Hi", "."))
    assert using(process, streamed) == [
        Delta(0, {"content": "Hi"}),
        Delta(0, {"content": "."}),
        Delta(0, {}, "stop"),
        {"usage": usage_of(3, 2)},
    ]
    made = using(process, whole)
    assert made.choices[0].message == {"content": "Hi."}
    assert made.facts == {"usage": usage_of(3, 2)}
    assert process.open == 0


@pytest.mark.parametrize(
    ("seed", "seeds"),
    [({"seed": 5}, [5, 6, 7]), ({"seed": -1}, [fold_seed(-1), 0, 1]), ({}, None)],
    ids=str,
)
def test_each_choice_has_a_seed_of_its_own_that_llama_cpp_can_take(
    using: Using, seed: Json, seeds: list[int] | None
) -> None:
    process = ScriptedProcess()

    async def three(plan: LlamaPlan) -> None:
        for choice in range(3):
            await plan.complete(choice)

    using(process, three, **seed)
    first, *others = process.asked
    asked = [payload["seed"] for payload in process.asked]
    assert asked == seeds or (seeds is None and len({*asked}) == 3 and all(0 <= each < 2**32 - 1 for each in asked))
    assert all({**payload, "seed": asked[0]} == first for payload in others), "all else is the same"


def test_the_conversation_finds_the_slot_that_has_read_it(using: Using) -> None:
    process = ScriptedProcess()
    request = {"messages": HELLO, "prompt_cache_key": "k"}
    using(process, whole, **request)
    assert process.slots == [slot_request(request)]


def test_several_choices_are_asked_for_side_by_side_with_one_preparation(using: Using) -> None:
    process = ScriptedProcess()

    async def four(plan: LlamaPlan) -> None:
        before = process.calls.copy()
        await asyncio.gather(*(plan.complete(choice) for choice in range(4)))
        assert process.calls == before

    using(process, four, response_format={"type": "text"}, logit_bias={"1": 1})
    assert len(process.asked) == 4
    assert process.most == 4


def test_words_are_asked_for_again_in_the_format_and_a_call_is_not(using: Using) -> None:
    process = ScriptedProcess(saying(" ", "Good!"), saying('"good"'))
    assert using(process, streamed, tools=[TIME], response_format=MOOD) == [
        Delta(0, {"content": '"good"'}),
        Delta(0, {}, "stop"),
        {"usage": usage_of(3, 2)},
    ]
    first, second = process.asked
    assert "grammar" in second
    assert "grammar" not in first
    assert process.most == 1, "the first answer ends before the second begins"
    process = ScriptedProcess(calling("get_time", "{}"))
    made = using(process, whole, tools=[TIME], response_format=MOOD)
    assert made.choices[0].message["tool_calls"][0]["function"] == {"name": "get_time", "arguments": "{}"}
    assert len(process.asked) == 1


def test_a_call_of_a_tool_with_a_grammar_is_asked_for_again_with_it(using: Using) -> None:
    process = ScriptedProcess(calling("sum", "{"), saying('{"name": "sum"}\n12'), marks=False)
    made = using(process, whole, tools=[TIME, SUM])
    (choice,) = made.choices
    assert choice.message["tool_calls"][0]["custom"] == {"name": "sum", "input": "12"}
    assert choice.finish_reason == "tool_calls"
    assert [("grammar" in payload, "tools" in payload) for payload in process.asked] == [(False, True), (True, False)]
    process = ScriptedProcess(calling("get_time", "{}"), marks=False)
    using(process, whole, tools=[TIME, SUM])
    assert len(process.asked) == 1


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ([chunk(ROLE), chunk({"content": "a"}), EngineUnavailable("gone")], EngineUnavailable),
        ([chunk(ROLE), {"error": {"code": 500, "type": "server_error", "message": "SECRET"}}], ServerError),
        ([chunk(ROLE), chunk({"content": "a"})], EngineUnavailable),
        (saying('"good"')[:-1], EngineUnavailable),
        ([*saying('"good"'), MISSING_DONE], EngineUnavailable),
        ([b"oops"], ServerError),
        ([b"[1]"], ServerError),
        ([Whole(b'{"choices": [null]}')], ServerError),
        (saying('"fair"'), ServerError),
    ],
    ids=range(9),
)
def test_a_fault_of_the_process_is_an_error_of_ours_and_leaves_nothing_open(
    using: Using, ask: Any, answer: Any, error: type[ApiError]
) -> None:
    process = ScriptedProcess(answer)
    with pytest.raises(error) as caught:
        using(process, ask, response_format=MOOD)
    assert "SECRET" not in caught.value.message
    assert "upstream" not in caught.value.message
    assert process.open == 0


@pytest.mark.parametrize("more", [{}, {"tools": [TIME], "response_format": MOOD}], ids=["words", "a choice"])
def test_closing_a_stream_ends_the_answer_of_the_process(using: Using, more: Json) -> None:
    process = ScriptedProcess(calling("get_time", "{}") if more else saying("Hi", "."))

    async def close(plan: LlamaPlan) -> None:
        deltas = plan.stream()
        await anext(deltas)
        assert process.open == 1
        await deltas.aclose()
        assert process.open == 0

    using(process, close, **more)


def test_an_answer_ends_at_a_stop_sequence_although_llama_cpp_goes_on(using: Using) -> None:
    timings = {"cache_n": 1, "prompt_n": 2, "predicted_n": 2}
    entries = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}], "refusal": None}
    texts = [{**chunk({"content": text}, logprobs=entries), "timings": timings} for text in ("a", " END", "b")]
    process = ScriptedProcess([chunk(ROLE), *texts, EngineUnavailable("it was read on")])
    made = using(process, whole, stop="END", logprobs=True)
    (choice,) = made.choices
    assert (choice.message["content"], choice.finish_reason) == ("a ", "stop")
    assert made.facts["usage"] == usage_of(3, 2, cached=1)
    assert process.asked[0]["stop"] == []
    assert process.open == 0


def test_no_tokens_are_asked_for_as_one_that_nobody_sees(using: Using) -> None:
    process = ScriptedProcess(saying("Hi", reason="length"))
    made = using(process, whole, max_completion_tokens=0)
    assert (made.choices[0].message, made.choices[0].finish_reason) == ({"content": ""}, "length")
    assert made.facts["usage"]["completion_tokens"] == 0
    assert process.asked[0]["max_tokens"] == 1


def test_thoughts_that_come_with_text_are_counted_once_at_the_end(using: Using) -> None:
    answer = [chunk(ROLE), chunk({"reasoning_content": "ab", "content": "c"}), chunk({}, "stop"), last_chunk()]
    process = ScriptedProcess(answer)
    made = using(process, whole)
    assert made.facts["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2
    assert process.calls["count_tokens"] == 1
    plain = ScriptedProcess()
    using(plain, whole)
    assert plain.calls["count_tokens"] == 0


def test_a_whole_answer_of_llama_cpp_is_read_as_well(using: Using) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    entries = [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    told = {"message": message, "finish_reason": "tool_calls", "logprobs": {"content": entries}}
    process = ScriptedProcess([Whole(json.dumps(completion(told)).encode())], marks=False)
    made = using(process, whole, tools=[TIME], logprobs=True)
    (choice,) = made.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message["tool_calls"][0]["function"] == {"name": "get_time", "arguments": "{}"}
    assert choice.logprobs == {"content": entries, "refusal": None}


def test_a_whole_answer_has_log_probabilities_where_they_are_asked_for_even_none(using: Using) -> None:
    process = ScriptedProcess([chunk(ROLE), chunk({}, "stop"), last_chunk()])
    assert using(process, whole, logprobs=True).choices[0].logprobs == {"content": [], "refusal": None}
    assert using(process, whole).choices[0].logprobs is None


def test_events_that_come_together_are_read_like_those_that_come_alone(using: Using) -> None:
    apart, together = saying("Hi", "."), [list(saying("Hi", "."))]
    assert using(ScriptedProcess(together), streamed) == using(ScriptedProcess(apart), streamed)


@pytest.mark.parametrize(
    "request_",
    [
        {"tools": [TIME] + [{"type": "function", "function": {"name": f"f{n}"}} for n in range(100)]},
        {"tools": [TIME], "tool_choice": "required"},
        {"tools": [SUM], "response_format": MOOD},
        {"response_format": MOOD},
    ],
    ids=["tools", "a call", "a choice", "a format"],
)
def test_what_binds_an_answer_is_read_and_tried_once_however_many_choices_there_are(
    using: Using, monkeypatch: pytest.MonkeyPatch, request_: Json
) -> None:
    read = 0

    def counted(self: Schema, *args: Any) -> None:
        nonlocal read
        read += 1
        made(self, *args)

    def can_be_obeyed(grammar: str) -> bool:
        tried.append(grammar)
        return True

    tried: list[str] = []
    monkeypatch.setattr(trials, "can_be_obeyed", can_be_obeyed)
    made = Schema.__init__
    monkeypatch.setattr(Schema, "__init__", counted)
    monkeypatch.setattr("app.engines.constraints.schema._SMALL", 0)  # none is kept

    async def choices(plan: LlamaPlan) -> bool:
        before = read
        await asyncio.gather(*(plan.complete(choice) for choice in range(20)), return_exceptions=True)
        assert before, "nothing was read: this shows nothing"
        assert read == before
        assert len(tried) == len({*tried})
        assert process.calls["prompt"] <= 1
        first, *others = process.asked
        return all(payload.get("messages") is first.get("messages") for payload in others if "messages" in payload)

    process = ScriptedProcess(saying('"good"'))
    assert using(process, choices, **request_) is True
    assert len(process.asked) >= 20


def test_others_have_their_turn_while_many_tools_are_read() -> None:
    parameters = {"type": "object", "properties": {f"p{n}": {"description": "x" * 40} for n in range(60)}}
    tools = [{"type": "function", "function": {"name": f"f{n}", "parameters": parameters}} for n in range(128)]
    assert turns_of_others(tools_of({"tools": tools})) > 10
