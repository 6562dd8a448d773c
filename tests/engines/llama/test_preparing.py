"""What a request asks for decides in which ways the model process is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from app.engines.base import Completion
from app.engines.constraints import binding as bindings
from app.engines.constraints import trials
from app.engines.constraints.binding import Binding
from app.engines.constraints.calls import CallReader
from app.engines.constraints.format import FormatCheck
from app.engines.constraints.schema import accepted
from app.engines.constraints.tools import Tools, tools_of
from app.engines.llama.answer import Way
from app.engines.llama.plan import LlamaPlan
from app.jsontypes import Json

from .requests import HELLO, MOOD, NAMED, PLAIN, STRICT, SUM, form, function
from .scripted_process import ScriptedProcess, saying
from .templates import plain

Planned = Callable[..., LlamaPlan]


def tools(*given: Json, **request: Any) -> Tools:
    found = asyncio.run(tools_of({"tools": list(given), **request}))
    assert found is not None
    return found


def names(way: Way, key: str = "tools") -> list[str] | None:
    """The names of the tools that llama.cpp's parser is given, or with ``shown`` the model's template."""
    given = way.payload.get("tools") if key == "tools" else way.payload["chat_template_kwargs"].get("tools")
    return None if given is None else [tool["function"]["name"] for tool in given]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The grammars that were tried."""
    grammars: list[str] = []

    def can_be_obeyed(grammar: str) -> bool:
        grammars.append(grammar)
        return True

    monkeypatch.setattr(trials, "can_be_obeyed", can_be_obeyed)
    return grammars


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


def test_a_format_is_a_grammar_that_was_tried_and_is_checked_again(planned: Planned, tried: list[str]) -> None:
    process = ScriptedProcess()
    plan = planned(process, response_format=form(MOOD))
    assert bound(plan.way, bindings.to_schema(accepted(MOOD, "p")))
    assert stage(plan.way) is FormatCheck
    assert (plan.in_format, plan.calls) == (None, {})
    assert tried == [plan.way.payload["grammar"]]


def test_calls_by_choice_are_left_to_llama_cpps_parser(planned: Planned) -> None:
    process = ScriptedProcess()
    for choice in ({}, {"tool_choice": "auto"}, {"parallel_tool_calls": False}):
        plan = planned(process, tools=[PLAIN, function("time")], **choice)
        assert bound(plan.way, None)
        assert names(plan.way) == names(plan.way, "shown") == ["weather", "time"]
        assert plan.way.payload["parallel_tool_calls"] is not (choice == {"parallel_tool_calls": False})
        assert (stage(plan.way), plan.in_format, plan.calls) == (CallReader, None, {})
    assert {*process.calls} == {"render"}, "whether the template shows the tools"


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
    assert list(plan.calls) == ([] if marks or more["tools"] == [PLAIN] else ["weather"])


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


def test_what_was_understood_once_is_not_tried_again(planned: Planned, tried: list[str]) -> None:
    process = ScriptedProcess()
    planned(process, times=3, response_format=form(MOOD))
    assert len(tried) == 1


def blind(payload: Json) -> str:
    """A template without a place for tools."""
    return plain({"messages": payload["messages"]})


def test_tools_that_the_template_leaves_out_are_told_in_a_system_message(planned: Planned) -> None:
    plan = planned(ScriptedProcess(renders=blind, marks=False), tools=[PLAIN, function("time")])
    told, *rest = plan.way.payload["messages"]
    assert told["role"] == "system"
    assert '"weather"' in told["content"]
    assert '"time"' in told["content"]
    assert rest == HELLO
    assert (names(plan.way), names(plan.way, "shown")) == (None, None)
    assert bound(plan.way, None)
    assert (stage(plan.way), plan.in_format, plan.calls) == (CallReader, None, {})


def test_tools_that_are_told_in_words_go_with_what_the_system_says(planned: Planned) -> None:
    said = [{"role": "system", "content": "Be kind."}, *HELLO]
    one_system = lambda payload: blind(payload) if _systems(payload) < 2 else None  # noqa: E731
    plan = planned(ScriptedProcess(renders=one_system, marks=False), tools=[PLAIN], messages=said)
    first, *rest = plan.way.payload["messages"]
    assert '"weather"' in first["content"]
    assert first["content"].endswith("Be kind.")
    assert rest == HELLO


def _systems(payload: Json) -> int:
    return sum(message["role"] == "system" for message in payload["messages"])


@pytest.mark.parametrize("more", [{"tools": [STRICT]}, {"tools": [PLAIN], "logprobs": True}, {"tools": [SUM]}], ids=str)
def test_calls_of_tools_that_are_told_in_words_are_bound_between_marks_where_they_must_fit(
    planned: Planned, more: Json
) -> None:
    plan = planned(ScriptedProcess(renders=blind, marks=False), **more)
    assert bound(plan.way, bindings.to_words_or_calls(tools(*more["tools"])))
    assert plan.way.written is None, "words may come before calls"
    assert plan.calls == {}


def test_a_call_that_must_be_made_of_tools_that_are_told_in_words_is_bound_to_marks(planned: Planned) -> None:
    plan = planned(ScriptedProcess(renders=blind, marks=False), tools=[PLAIN], tool_choice="required")
    assert bound(plan.way, bindings.to_calls(tools(PLAIN, tool_choice="required"), marked=True))
    assert plan.way.written is not None


async def whole(plan: LlamaPlan) -> Completion:
    return await plan.complete()


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_calls_of_tools_that_are_told_in_words_are_found_at_marks(using: Callable[..., Any], pieces: int) -> None:
    text = 'Well, <tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
    cut = [text[at : at + pieces] for at in range(0, len(text), pieces)]
    (choice,) = using(ScriptedProcess(saying(*cut), renders=blind, marks=False), whole, tools=[PLAIN]).choices
    assert choice.message["content"] == "Well, "
    assert choice.message["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert choice.finish_reason == "tool_calls"


@pytest.mark.parametrize("reason", ["stop", "length"])
@pytest.mark.parametrize(
    "text", ["Hi", 'Well, <tool_call>\n{"name": "weather"', "<tool_call> is a mark", '<tool_call>\n{"name": "f"}']
)
def test_words_that_are_no_whole_call_of_a_tool_are_said(using: Callable[..., Any], text: str, reason: str) -> None:
    process = ScriptedProcess(saying(text, reason=reason), renders=blind, marks=False)
    (choice,) = using(process, whole, tools=[PLAIN]).choices
    assert (choice.message, choice.finish_reason) == ({"content": text}, reason)
