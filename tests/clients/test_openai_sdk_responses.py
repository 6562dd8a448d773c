"""OpenAI's own Python SDK asks for responses, whole and streamed."""

from __future__ import annotations

import json
from typing import Any, Literal

import openai
import pydantic
import pytest
from openai import OpenAI

from ..live import Server

pytestmark = pytest.mark.live

TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Oslo"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Fruit(pydantic.BaseModel):
    name: str
    colour: Literal["red", "green"]


@pytest.fixture
def echo(echo_server: Server) -> OpenAI:
    return OpenAI(base_url=echo_server.base, api_key=echo_server.key, max_retries=0)


@pytest.fixture
def client(llama_server: Server) -> OpenAI:
    return OpenAI(base_url=llama_server.base, api_key=llama_server.key, max_retries=0)


def test_a_response_of_the_bundled_model_whole_and_streamed(client: OpenAI) -> None:
    whole = client.responses.create(model="parley-tiny", input="Hello!", temperature=0)
    assert "help" in whole.output_text
    assert whole.status == "completed"
    assert whole.usage is not None
    assert whole.usage.output_tokens > 0
    with client.responses.stream(model="parley-tiny", input="Hello!", temperature=0) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == whole.output_text
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_text.delta") > 1


def test_the_bundled_model_calls_a_tool_and_reads_its_output(client: OpenAI) -> None:
    question: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    called = client.responses.create(
        model="parley-tiny", input=question, tools=[TOOL], tool_choice="required", temperature=0
    )
    (call,) = [item for item in called.output if item.type == "function_call"]
    assert json.loads(call.arguments) == {"city": "Oslo"}
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "It rains."}
    items: list[Any] = [*question, *called.output, output]
    told = client.responses.create(model="parley-tiny", input=items, tools=[TOOL], temperature=0)
    assert told.status == "completed"
    assert told.output_text


def test_log_probabilities_of_the_bundled_model(client: OpenAI) -> None:
    answer = client.responses.create(
        model="parley-tiny",
        input="Hello!",
        temperature=0,
        include=["message.output_text.logprobs"],
        top_logprobs=2,
    )
    (message,) = answer.output
    assert message.type == "message"
    (part,) = message.content
    assert part.type == "output_text"
    assert "".join(entry.token for entry in part.logprobs or ()) == answer.output_text
    assert {len(entry.top_logprobs) for entry in part.logprobs or ()} == {2}


def test_an_answer_is_parsed_into_a_model_of_ones_own(client: OpenAI, echo: OpenAI) -> None:
    parsed = client.responses.parse(model="parley-tiny", input="Name a fruit.", text_format=Fruit, temperature=0)
    assert isinstance(parsed.output_parsed, Fruit)
    with echo.responses.stream(model="parley-echo", input="Name a fruit.", text_format=Fruit) as stream:
        assert isinstance(stream.get_final_response().output_parsed, Fruit)


def test_calls_are_streamed_of_functions_and_of_custom_tools(echo: OpenAI) -> None:
    custom: Any = {"type": "custom", "name": "shell"}
    for tool, text in ((TOOL, '{"city": "Oslo"}'), (custom, "list it")):
        named: Any = {"type": tool["type"], "name": tool["name"]}
        with echo.responses.stream(model="parley-echo", input="list it", tools=[tool], tool_choice=named) as stream:
            deltas = [getattr(event, "delta", "") for event in stream]
            (item,) = stream.get_final_response().output
        assert "".join(deltas) == text
        assert text in (getattr(item, "arguments", ""), getattr(item, "input", ""))


def test_a_conversation_goes_on_with_the_items_of_the_answer(echo: OpenAI) -> None:
    first = echo.responses.create(model="parley-echo", input="Hello!")
    items: list[Any] = [{"role": "user", "content": "Hello!"}, *first.output, {"role": "user", "content": "Go on."}]
    assert echo.responses.create(model="parley-echo", input=items).output_text == "Go on."


def test_what_needs_a_state_is_an_error_that_names_it(echo: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        echo.responses.create(model="parley-echo", input="Hi", previous_response_id="resp_1")
    assert (caught.value.param, caught.value.code) == ("previous_response_id", "unsupported_parameter")
    with pytest.raises(openai.BadRequestError) as caught:
        echo.responses.create(model="parley-echo", input="Hi", stream=True, tools=[{"type": "web_search"}])
    assert caught.value.param == "tools[0]"
