"""A model is told how much to think as its template understands it, or the request is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from app.engines.constraints import binding as bindings
from app.engines.constraints.schema import accepted
from app.engines.llama.answer import Way
from app.engines.llama.plan import LlamaPlan
from app.errors import UnsupportedParameter
from app.jsontypes import Json

from .requests import MOOD, PLAIN, SUM, form
from .scripted_process import CONTEXT_LENGTH, ScriptedProcess

Planned = Callable[..., LlamaPlan]


def tools(payload: Json) -> str:
    return json.dumps(payload.get("chat_template_kwargs", {}).get("tools"))


def opening(payload: Json) -> str:
    """The prompt begins the thoughts, or says that there are none."""
    return (
        tools(payload) + "no"
        if payload.get("chat_template_kwargs", {}).get("enable_thinking") is False
        else tools(payload) + "yes <think>"
    )


def always(payload: Json) -> str:
    return f"{tools(payload)} <think>"


def wording(payload: Json) -> str:
    """The prompt says the word of the effort, and knows one verbosity."""
    verbosity = payload.get("chat_template_kwargs", {}).get("verbosity")
    return f"{tools(payload)} {payload.get('reasoning_effort')} {verbosity == 'low'}"


def test_what_the_template_can_be_told_is_found_out_once_and_only_where_it_knows_of_it(planned: Planned) -> None:
    process = ScriptedProcess(renders=opening)
    planned(process, "reasoning", times=3, reasoning_effort="low")
    assert process.calls["answer"] == 1
    asked = process.calls["render"]
    planned(ScriptedProcess(renders=opening), "reasoning")
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
    plan = planned(ScriptedProcess(renders=opening), "reasoning", reasoning_effort=effort)
    assert plan.way.payload.items() >= told.items()
    assert ("thinking_budget_tokens" in plan.way.payload) is ("thinking_budget_tokens" in told)
    assert told.get("thinking_budget_tokens", 32) == CONTEXT_LENGTH // 16


def test_a_bound_answer_comes_after_the_thoughts_that_were_asked_for(planned: Planned) -> None:
    def ask(**more: Any) -> Way:
        return planned(ScriptedProcess(renders=opening), "reasoning", response_format=form(MOOD), **more).way

    def thoughts(way: Way) -> tuple[bool, int]:
        assert way.payload["grammar"] == bindings.to_schema(accepted(MOOD, "p")).grammar
        assert way.written is not None
        assert way.payload["chat_template_kwargs"]["enable_thinking"] is way.written.thinks
        return way.written.thinks, way.written.budget

    assert thoughts(ask(reasoning_effort="none")) == (False, 0)
    assert thoughts(ask()) == (False, 0), "a bound answer has thoughts only when they are asked for"
    assert thoughts(ask(reasoning_effort="low")) == (True, CONTEXT_LENGTH // 16)
    assert thoughts(ask(reasoning_effort="low", max_completion_tokens=10)) == (True, 5), "there is room for the answer"


def test_a_model_that_always_thinks_does_so_before_a_bound_answer_too(planned: Planned) -> None:
    plan = planned(ScriptedProcess(renders=always), "reasoning", response_format=form(MOOD))
    assert plan.way.written is not None
    assert (plan.way.written.thinks, plan.way.written.budget) == (True, CONTEXT_LENGTH // 4)
    assert plan.way.written.frame.closing == "</think>"


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
def test_a_model_of_whose_thoughts_nothing_is_known_refuses_to_think_before_a_bound_answer(
    planned: Planned, more: Json, together_with: str | None
) -> None:
    ask = partial(planned, ScriptedProcess(renders=wording, bounded=False, marks=False), "reasoning", **more)
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


@pytest.mark.parametrize(("prompt", "capabilities", "effort", "param"), EFFORTS, ids=range(len(EFFORTS)))
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
        planned(ScriptedProcess(renders=prompt), *capabilities, **effort, **more)
    assert caught.value.param == param
    refused: list[UnsupportedParameter] = []
    plan = planned(ScriptedProcess(renders=prompt), *capabilities, refuse=refused.append, **effort, **more)
    assert [error.param for error in refused] == [param]
    without = planned(ScriptedProcess(renders=prompt), *capabilities, **more)
    assert _payloads(plan) == _payloads(without)


def _payloads(plan: LlamaPlan) -> list[Json]:
    return [way.payload for way in (plan.way, plan.in_format, *plan.calls.values()) if way is not None]
