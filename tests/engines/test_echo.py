"""The echo engine: its answers are bounded in characters too, and it calls tools and answers in JSON."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from app.chat import choices
from app.engines.collecting import collect
from app.engines.echo import LONGEST, LONGEST_ANSWER, EchoEngine
from app.errors import ApiError, BadRequest

MOST = LONGEST_ANSWER // LONGEST


def _never(error: ApiError) -> None:
    raise error


async def asked(n: int, stream: bool, length: int = LONGEST, **fields: Any) -> list[Any]:
    """The choices of an answer with a single word, or the deltas of its stream."""
    request = {"messages": [{"role": "user", "content": "a" * length}], **fields}
    plan = await EchoEngine().prepare(request, _never)
    if not stream:
        return list((await choices.complete(plan, n)).choices)
    seen: list[Any] = []
    async with aclosing(choices.stream(plan, n)) as deltas:
        try:
            async for delta in deltas:
                seen.append(delta)
        except ApiError:
            assert not seen, "the stream has begun"
            raise
    return seen


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("n", [MOST + 1, 128])
def test_choices_with_too_many_characters_are_refused_by_name(n: int, stream: bool) -> None:
    with pytest.raises(BadRequest, match=f"'n'.* {LONGEST_ANSWER} characters") as caught:
        asyncio.run(asked(n, stream, max_completion_tokens=10))
    assert (caught.value.param, caught.value.code) == ("n", "integer_above_max_value")


@pytest.mark.parametrize(("n", "length"), [(1, LONGEST), (MOST, LONGEST), (128, LONGEST_ANSWER // 128)])
def test_as_many_as_it_tells_are_given(n: int, length: int) -> None:
    answer = asyncio.run(asked(n, False, length))
    assert sum(len(choice.message["content"]) for choice in answer) == n * length


def test_what_is_cut_off_does_not_count() -> None:
    assert len(asyncio.run(asked(128, False, stop="aa"))) == 128


def tool(name: str = "f", kind: str = "function", **body: Any) -> Any:
    return {"type": kind, kind: {"name": name, **body}}


PLACE = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/city"}, "days": {"type": "integer", "minimum": 3}},
    "required": ["city", "days"],
    "$defs": {"city": {"enum": ["Bern", "Basel"]}},
    "additionalProperties": False,
}
ARGUMENTS = '{"city": "Bern", "days": 3}'


def message(engine: EchoEngine | None = None, **fields: Any) -> tuple[Any, str]:
    """The message of an answer and why it ended; a stream adds up to the same."""

    async def ask() -> tuple[Any, str]:
        said = {"messages": [{"role": "user", "content": "Hello there!"}], **fields}
        plan = await (engine or EchoEngine()).prepare(said, _never)
        whole, streamed = await plan.complete(), await collect(plan.stream())
        assert whole == streamed
        return whole.choices[0].message, whole.choices[0].finish_reason

    return asyncio.run(ask())


def call_of(answer: Any) -> Any:
    (call,) = answer["tool_calls"]
    return call


def test_a_call_that_must_be_made_is_of_the_first_tool_with_arguments_that_fit() -> None:
    answer, reason = message(tools=[tool(parameters=PLACE), tool("g")], tool_choice="required")
    assert (answer["content"], reason) == (None, "tool_calls")
    assert call_of(answer)["function"] == {"name": "f", "arguments": ARGUMENTS}


def test_a_tool_that_is_named_is_called() -> None:
    choice = {"type": "function", "function": {"name": "g"}}
    answer, _ = message(tools=[tool(), tool("g", parameters=PLACE)], tool_choice=choice)
    assert call_of(answer)["function"] == {"name": "g", "arguments": ARGUMENTS}


def test_by_its_own_choice_it_calls_only_where_a_setting_says_so_and_once_for_a_question() -> None:
    tools = [tool(parameters=PLACE)]
    assert message(tools=tools)[0]["content"] == "Hello there!"
    eager = EchoEngine(calls_tools=True)
    answer, reason = message(eager, tools=tools)
    assert reason == "tool_calls"
    said = [{"role": "user", "content": "Hello there!"}, {"role": "assistant", **answer}]
    result = {"role": "tool", "tool_call_id": call_of(answer)["id"], "content": "Sunny."}
    assert message(eager, tools=tools, messages=[*said, result]) == ({"content": "Sunny."}, "stop")
    assert message(eager, tools=tools, tool_choice="none")[0]["content"] == "Hello there!"


def test_calls_of_a_conversation_have_ids_of_their_own() -> None:
    first, _ = message(tools=[tool()], tool_choice="required")
    said = [{"role": "user", "content": "Hello there!"}, {"role": "assistant", **first}]
    second, _ = message(
        tools=[tool()],
        tool_choice="required",
        messages=[*said, {"role": "tool", "tool_call_id": call_of(first)["id"], "content": "x"}],
    )
    assert call_of(first)["id"] != call_of(second)["id"]


def test_a_custom_tool_is_given_what_was_said() -> None:
    answer, _ = message(tools=[tool(kind="custom")], tool_choice="required")
    assert call_of(answer)["custom"] == {"name": "f", "input": "Hello there!"}


def test_a_custom_tool_with_a_grammar_is_refused_when_it_is_called() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[a-z]+"}}
    tools = [tool(kind="custom", format=grammar)]
    assert message(tools=tools)[0]["content"] == "Hello there!"
    with pytest.raises(BadRequest, match="cannot follow a grammar") as caught:
        message(tools=tools, tool_choice="required")
    assert caught.value.param == "tools"


def test_a_function_is_called_in_the_older_form() -> None:
    functions = [{"name": "f", "parameters": PLACE}]
    answer, reason = message(functions=functions, function_call={"name": "f"})
    assert (answer["function_call"], reason) == ({"name": "f", "arguments": ARGUMENTS}, "function_call")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"type": "json_object"}, "{}"),
        ({"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE}}, ARGUMENTS),
        ({"type": "text"}, "Hello there!"),
    ],
)
def test_an_answer_has_the_form_that_is_asked_for(form: Any, text: str) -> None:
    assert message(response_format=form) == ({"content": text}, "stop")


def test_a_call_and_a_json_answer_end_by_their_length_too() -> None:
    answer, reason = message(tools=[tool(parameters=PLACE)], tool_choice="required", max_completion_tokens=2)
    assert (call_of(answer)["function"]["arguments"], reason) == ('{"city": "Bern",', "length")


def test_a_schema_that_nothing_fits_is_refused_by_name() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "minLength": 2, "maxLength": 1}},
        "required": ["a"],
    }
    with pytest.raises(BadRequest) as caught:
        message(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    assert caught.value.param == "response_format.json_schema.schema"


def test_a_stream_counts_its_tokens_as_it_goes_where_that_is_asked_for() -> None:
    async def ask(**fields: Any) -> list[Any]:
        said = {"messages": [{"role": "user", "content": "Hello you there!"}], **fields}
        plan = await EchoEngine().prepare(said, _never)
        return [item["usage"]["completion_tokens"] async for item in plan.stream() if isinstance(item, dict)]

    assert asyncio.run(ask()) == [3]
    assert asyncio.run(ask(stream_options={"continuous_usage_stats": True})) == [1, 2, 3, 3]
