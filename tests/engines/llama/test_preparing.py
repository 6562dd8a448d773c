"""What a request asks for decides in which ways the model process is asked; what cannot be done is refused before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from app.engines.base import Refuse
from app.engines.constraints import binding as bindings
from app.engines.constraints.binding import Binding
from app.engines.constraints.calls import CallReader
from app.engines.constraints.format import FormatCheck
from app.engines.constraints.schema import accepted
from app.engines.constraints.tools import Tools, tools_of
from app.engines.llama.plan import LlamaPlan, Way
from app.errors import ApiError, BadRequest, ContextLengthExceeded, UnsupportedParameter
from app.jsontypes import Json

from ..asking import prepare
from ..asking import refuse as raising
from .scripted_process import CONTEXT_LENGTH, ScriptedProcess, engine_on

HELLO = [{"role": "user", "content": "Hello!"}]
CITY: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def function(name: str, parameters: Json | None = None, **more: Any) -> Json:
    return {
        "type": "function",
        "function": {"name": name, **({"parameters": parameters} if parameters else {}), **more},
    }


def custom(name: str, definition: str = "[0-9]+", syntax: str = "regex") -> Json:
    grammar = {"syntax": syntax, "definition": definition}
    return {"type": "custom", "custom": {"name": name, "format": {"type": "grammar", "grammar": grammar}}}


def form(schema: Json) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}


PLAIN, STRICT, SUM = function("weather", CITY), function("weather", CITY, strict=True), custom("sum")
MOOD: Json = {"enum": ["good", "bad"]}
NAMED = {"type": "function", "function": {"name": "weather"}}


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., LlamaPlan]:
    """The plan of a request to a process."""

    def plan(
        process: ScriptedProcess, *capabilities: str, refuse: Refuse = raising, times: int = 1, **request: Any
    ) -> LlamaPlan:
        async def run() -> LlamaPlan:
            engine = engine_on(process, *capabilities, monkeypatch=monkeypatch)
            for _ in range(times):
                made = await prepare(engine, {"messages": HELLO, **request}, refuse)
            assert isinstance(made, LlamaPlan)
            return made

        return asyncio.run(run())

    return plan


Planned = Callable[..., LlamaPlan]


def tools(*given: Json, **request: Any) -> Tools:
    found = tools_of({"tools": list(given), **request})
    assert found is not None
    return found


def names(way: Way, key: str = "tools") -> list[str] | None:
    """The names of the tools that llama.cpp's parser is given, or with ``shown`` the model's template."""
    given = way.payload.get("tools") if key == "tools" else way.payload["chat_template_kwargs"].get("tools")
    return None if given is None else [tool["function"]["name"] for tool in given]


def stage(way: Way) -> type | None:
    if way.stage is None:
        return None
    assert isinstance(way.stage, partial)
    made = way.stage.func
    assert isinstance(made, type)
    return made


def bound(way: Way, binding: Binding | None) -> bool:
    """Whether a binding and nothing else binds the answer."""
    return way.payload.get("grammar") == (None if binding is None else binding.grammar)


def test_words_are_asked_for_in_one_way_that_nothing_binds(planned: Planned) -> None:
    process = ScriptedProcess()
    plan = planned(process)
    assert bound(plan.way, None)
    assert (names(plan.way), names(plan.way, "shown"), stage(plan.way)) == (None, None, None)
    assert (plan.in_format, plan.calls) == (None, {})
    assert not process.calls


def test_a_format_is_a_grammar_that_was_tried_and_is_checked_again(planned: Planned) -> None:
    process = ScriptedProcess()
    plan = planned(process, response_format=form(MOOD))
    assert bound(plan.way, bindings.to_schema(accepted(MOOD, "p")))
    assert stage(plan.way) is FormatCheck
    assert (plan.in_format, plan.calls) == (None, {})
    assert process.calls == {"complete_text": 1}


def test_calls_by_choice_are_left_to_llama_cpps_parser(planned: Planned) -> None:
    process = ScriptedProcess()
    for choice in ({}, {"tool_choice": "auto"}, {"parallel_tool_calls": False}):
        plan = planned(process, tools=[PLAIN, function("time")], **choice)
        assert bound(plan.way, None)
        assert names(plan.way) == names(plan.way, "shown") == ["weather", "time"]
        assert plan.way.payload["parallel_tool_calls"] is not (choice == {"parallel_tool_calls": False})
        assert (stage(plan.way), plan.in_format, plan.calls) == (CallReader, None, {})
    assert not process.calls


@pytest.mark.parametrize(
    "more", [{"tools": [STRICT]}, {"tools": [PLAIN], "logprobs": True}], ids=["strict", "logprobs"]
)
@pytest.mark.parametrize("marks", [True, False])
def test_calls_by_choice_are_bound_where_they_must_fit_and_the_template_marks_them(
    planned: Planned, more: Json, marks: bool
) -> None:
    plan = planned(ScriptedProcess(marks=marks), **more)
    assert bound(plan.way, bindings.to_words_or_calls(tools(*more["tools"])) if marks else None)
    assert names(plan.way) == (None if marks else ["weather"])
    assert names(plan.way, "shown") == ["weather"]
    assert plan.calls == {}


@pytest.mark.parametrize("choice", ["required", NAMED], ids=str)
@pytest.mark.parametrize("marks", [True, False])
def test_calls_that_must_be_made_are_bound_from_the_first_token(planned: Planned, choice: Any, marks: bool) -> None:
    given = [PLAIN, function("time")]
    plan = planned(ScriptedProcess(marks=marks), tools=given, tool_choice=choice, response_format=form(MOOD))
    assert bound(plan.way, bindings.to_calls(tools(*given, tool_choice=choice), marked=marks))
    assert names(plan.way) is None
    assert names(plan.way, "shown") == ["weather", "time"], "the model is shown all"
    assert (plan.in_format, plan.calls) == (None, {})


def test_tools_that_may_not_be_called_are_not_there(planned: Planned) -> None:
    plan = planned(ScriptedProcess(), tools=[PLAIN], tool_choice="none")
    assert plan.way.payload == planned(ScriptedProcess()).way.payload


def test_words_beside_calls_are_asked_for_again_in_the_format(planned: Planned) -> None:
    plan = planned(ScriptedProcess(), tools=[PLAIN], response_format=form(MOOD))
    assert bound(plan.way, None)
    assert names(plan.way) == ["weather"]
    assert plan.in_format is not None
    assert bound(plan.in_format, bindings.to_schema(accepted(MOOD, "p")))
    assert names(plan.in_format) is None
    assert names(plan.in_format, "shown") == ["weather"]
    assert stage(plan.in_format) is FormatCheck
    assert plan.calls == {}


def test_a_call_with_a_grammar_is_asked_for_again_where_the_template_has_no_marks(planned: Planned) -> None:
    plan = planned(ScriptedProcess(marks=False), tools=[PLAIN, SUM])
    assert bound(plan.way, None)
    assert names(plan.way) == ["weather", "sum"]
    assert plan.way.payload["parallel_tool_calls"] is False
    assert list(plan.calls) == ["sum"]
    way = plan.calls["sum"]
    assert bound(way, bindings.to_calls(tools(PLAIN, SUM).only("sum")))
    assert names(way) is None
    assert names(way, "shown") == ["weather", "sum"]
    marked = planned(ScriptedProcess(), tools=[PLAIN, SUM])
    assert bound(marked.way, bindings.to_words_or_calls(tools(PLAIN, SUM)))
    assert marked.calls == {}


def test_functions_are_tools_in_the_old_shape(planned: Planned) -> None:
    plan = planned(ScriptedProcess(), functions=[PLAIN["function"]], function_call={"name": "weather"})
    assert names(plan.way, "shown") == ["weather"]
    assert "grammar" in plan.way.payload


def test_what_was_understood_once_is_not_tried_again(planned: Planned) -> None:
    process = ScriptedProcess()
    planned(process, times=3, response_format=form(MOOD))
    assert process.calls == {"complete_text": 1}


# Thinking: templates that know of it.


def opening(payload: Json) -> str:
    """The prompt begins the thoughts, or says that there are none."""
    return "no" if payload.get("chat_template_kwargs", {}).get("enable_thinking") is False else "yes <think>"


def always(_: Json) -> str:
    return "<think>"


def wording(payload: Json) -> str:
    """The prompt says the word of the effort, and knows one verbosity."""
    verbosity = payload.get("chat_template_kwargs", {}).get("verbosity")
    return f"{payload.get('reasoning_effort')} {verbosity == 'low'}"


def test_what_the_template_can_be_told_is_found_out_once_and_only_where_it_knows_of_it(planned: Planned) -> None:
    process = ScriptedProcess(prompt=opening)
    planned(process, "reasoning", times=3, reasoning_effort="low")
    assert process.calls["answer"] == 1
    asked = process.calls["render"]
    planned(ScriptedProcess(prompt=opening), "reasoning")
    assert process.calls["render"] == asked
    ignorant = ScriptedProcess()
    planned(ignorant)
    assert not ignorant.calls


@pytest.mark.parametrize(
    ("effort", "told"),
    [
        ("none", {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}),
        ("low", {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}, "thinking_budget_tokens": 32}),
        ("max", {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}}),
    ],
)
def test_an_effort_is_told_as_the_template_understands_it(planned: Planned, effort: str, told: Json) -> None:
    plan = planned(ScriptedProcess(prompt=opening), "reasoning", reasoning_effort=effort)
    assert plan.way.payload.items() >= told.items()
    assert ("thinking_budget_tokens" in plan.way.payload) is ("thinking_budget_tokens" in told)
    assert told.get("thinking_budget_tokens", 32) == CONTEXT_LENGTH // 16


def test_a_bound_answer_comes_after_the_thoughts_that_were_asked_for(planned: Planned) -> None:
    ask = partial(planned, ScriptedProcess(prompt=opening), "reasoning", response_format=form(MOOD))
    grammar = bindings.to_schema(accepted(MOOD, "p")).grammar
    assert ask(reasoning_effort="none").way.payload["grammar"] == grammar
    assert ask().way.payload["grammar"] == grammar, "a bound answer has thoughts only when they are asked for"
    thinking = ask(reasoning_effort="low").way.payload
    assert thinking["grammar"].startswith("%llguidance {}\nstart: thoughts answer")
    assert thinking["chat_template_kwargs"]["enable_thinking"]


@pytest.mark.parametrize(
    ("more", "together_with"),
    [
        ({}, None),
        ({"tools": [PLAIN]}, None),
        ({"response_format": form(MOOD)}, "response_format"),
        ({"tools": [PLAIN], "response_format": form(MOOD)}, "response_format"),
        ({"tools": [PLAIN], "tool_choice": "required"}, "tool_choice"),
        ({"functions": [PLAIN["function"]], "function_call": {"name": "weather"}}, "function_call"),
        ({"tools": [PLAIN, SUM]}, "tool_choice"),
    ],
    ids=range(7),
)
def test_a_model_whose_thoughts_cannot_be_ended_refuses_to_think_before_a_bound_answer(
    planned: Planned, more: Json, together_with: str | None
) -> None:
    ask = partial(planned, ScriptedProcess(prompt=wording, bounded=False, marks=False), "reasoning", **more)
    if together_with is None:
        assert ask(reasoning_effort="low").way.payload["reasoning_effort"] == "low"
        return
    with pytest.raises(UnsupportedParameter, match=f"together with '{together_with}'") as caught:
        ask(reasoning_effort="low")
    assert caught.value.param == "reasoning_effort"


EFFORTS: list[tuple[Any, tuple[str, ...], Json, str]] = [
    (always, ("reasoning",), {"reasoning_effort": "none"}, "reasoning_effort"),
    (opening, ("reasoning", "verbosity"), {"verbosity": "low"}, "verbosity"),
    (wording, ("reasoning", "verbosity"), {"verbosity": "high"}, "verbosity"),
]


@pytest.mark.parametrize(("prompt", "capabilities", "effort", "param"), EFFORTS, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"response_format": form(MOOD)},
        {"tools": [PLAIN]},
        {"tools": [PLAIN], "tool_choice": "required"},
        {"tools": [PLAIN], "response_format": form(MOOD)},
        {"tools": [SUM]},
    ],
    ids=["words", "format", "tools", "required", "tools and format", "grammar"],
)
def test_what_the_model_cannot_be_told_is_refused_or_left_out_in_every_way_of_asking(
    planned: Planned, prompt: Any, capabilities: tuple[str, ...], effort: Json, param: str, more: Json
) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        planned(ScriptedProcess(prompt=prompt), *capabilities, **effort, **more)
    assert caught.value.param == param
    refused: list[UnsupportedParameter] = []
    plan = planned(ScriptedProcess(prompt=prompt), *capabilities, refuse=refused.append, **effort, **more)
    assert [error.param for error in refused] == [param]
    without = planned(ScriptedProcess(prompt=prompt), *capabilities, **more)
    assert _payloads(plan) == _payloads(without)


def _payloads(plan: LlamaPlan) -> list[Json]:
    return [way.payload for way in (plan.way, plan.in_format, *plan.calls.values()) if way is not None]


# What is refused, and by which parameter: all of it before anything is asked for.

IMPOSSIBLE: Json = {"type": "object", "properties": {"a": {"const": "impossible"}}, "required": ["a"]}
TEXT = {"type": "text", "text": "a"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "!", "format": "wav"}}
FILE = {"type": "file", "file": {"file_id": "x"}}
BAD: list[tuple[Json, str]] = [
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [PLAIN], "tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice.function.name"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"tools": [PLAIN, PLAIN]}, "tools[1].function.name"),
    ({"functions": [PLAIN["function"]] * 2}, "functions[1].name"),
    ({"tools": [PLAIN, function("f", {"not": {}})]}, "tools[1].function.parameters.not"),
    ({"tools": [function("f", {"type": "array"})]}, "tools[0].function.parameters.type"),
    ({"functions": [{"name": "f", "parameters": {"not": 1}}]}, "functions[0].parameters.not"),
    ({"tools": [custom("c", "((")]}, "tools[0].custom.format.grammar.definition"),
    ({"tools": [custom(f"c{index}") for index in range(17)]}, "tools"),
    ({"tools": [function("f", IMPOSSIBLE)], "tool_choice": "required"}, "tools[0].function.parameters"),
    ({"tools": [custom("c", "impossible")]}, "tools[0].custom.format.grammar.definition"),
    ({"response_format": form({"not": {}})}, "response_format.json_schema.schema.not"),
    ({"response_format": form(IMPOSSIBLE)}, "response_format.json_schema.schema"),
    ({"response_format": form(IMPOSSIBLE), "tools": [PLAIN]}, "response_format.json_schema.schema"),
    ({"response_format": form({"description": "a" * 1_000_001})}, "response_format.json_schema.schema"),
    ({"logit_bias": {"100": 1}}, "logit_bias"),
    ({"logit_bias": {"cat": 1}}, "logit_bias"),
    ({"messages": HELLO * (CONTEXT_LENGTH + 1)}, "messages"),
    ({"messages": [{"role": "user", "content": "a" * (CONTEXT_LENGTH * 512 + 1)}]}, "messages"),
    ({"messages": [{"role": "user", "content": [TEXT, PICTURE]}]}, "messages[0].content[1].image_url.url"),
    ({"messages": [{"role": "user", "content": [SOUND]}]}, "messages[0].content[0].input_audio.data"),
    ({"messages": [*HELLO, {"role": "user", "content": [TEXT, FILE]}]}, "messages[1].content[1].type"),
]


@pytest.mark.parametrize("marks", [True, False], ids=["marked", "bare"])
@pytest.mark.parametrize(("request_", "param"), BAD, ids=[f"{param}-{index}" for index, (_, param) in enumerate(BAD)])
def test_what_cannot_be_answered_is_refused_before_anything_is_asked(
    planned: Planned, request_: Json, param: str, marks: bool
) -> None:
    process = ScriptedProcess(marks=marks, understands=lambda grammar: "impossible" not in grammar)
    with pytest.raises(BadRequest) as caught:
        planned(process, **request_)
    assert caught.value.param == param
    assert "impossible" not in caught.value.message
    assert process.asked == []


def test_a_strict_tool_that_cannot_be_obeyed_is_refused_where_its_calls_are_bound(planned: Planned) -> None:
    process = ScriptedProcess(understands=lambda grammar: "impossible" not in grammar)
    with pytest.raises(BadRequest) as caught:
        planned(process, tools=[PLAIN, function("f", IMPOSSIBLE, strict=True)])
    assert caught.value.param == "tools[1].function.parameters"


def test_a_conversation_that_cannot_fit_has_its_own_code(planned: Planned) -> None:
    with pytest.raises(ContextLengthExceeded):
        planned(ScriptedProcess(), messages=HELLO * (CONTEXT_LENGTH + 1))


def test_parts_that_are_understood_alone_may_be_too_much_together(planned: Planned) -> None:
    process = ScriptedProcess(understands=lambda grammar: "get_time" not in grammar or "weather" not in grammar)
    with pytest.raises(ApiError) as caught:
        planned(process, tools=[PLAIN, function("get_time")], tool_choice="required")
    assert caught.value.param == "tool_choice"
    assert process.calls["complete_text"] == 3
