"""OpenAI's own Python SDK works against the server, sync and async, whole and streamed."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import openai
import pydantic
import pytest
from openai import OpenAI

from ..live import Server
from . import sdk
from .sdk import HELLO

pytestmark = pytest.mark.live


@pytest.fixture
def client(llama_server: Server) -> OpenAI:
    return OpenAI(base_url=llama_server.base, api_key=llama_server.key, max_retries=0)


def test_a_completion(client: OpenAI) -> None:
    completion = sdk.plain(client, "parley-tiny")
    assert "help" in (completion.choices[0].message.content or "")
    assert completion.choices[0].finish_reason == "stop"


def test_a_stream_with_usage(client: OpenAI) -> None:
    chunks = sdk.stream(client, "parley-tiny")
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == sdk.plain(client, "parley-tiny").choices[0].message.content


def test_the_stream_helper_accumulates_a_completion(client: OpenAI) -> None:
    assert "help" in (sdk.helper(client, "parley-tiny").choices[0].message.content or "")


def test_the_async_client_whole_and_streamed_many_at_once(client: OpenAI) -> None:
    assert len(sdk.many_at_once(client, "parley-tiny", 6)) == 1


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["parley-tiny"]
    sdk.models(client, "parley-tiny")


@pytest.mark.parametrize("name", ["n", "tools, forced", "schema", "leaving"])
def test_what_any_model_must_do_ours_does(client: OpenAI, name: str) -> None:
    sdk.CHECKS[name](client, "parley-tiny")


def test_errors_are_the_exceptions_that_the_sdk_has_for_them(client: OpenAI) -> None:
    sdk.errors(client, "parley-tiny")
    with pytest.raises(openai.BadRequestError) as unsupported:
        client.chat.completions.create(model="parley-tiny", messages=HELLO, store=True, stream=True)
    assert unsupported.value.code == "unsupported_parameter"


def test_a_conversation_that_is_too_long_is_told_by_its_code(client: OpenAI) -> None:
    sdk.too_long(client, "parley-tiny")


def test_a_tool_is_called_answered_and_the_answer_used(client: OpenAI) -> None:
    tools, messages = sdk.TOOLS, [*sdk.WEATHER]
    first = client.chat.completions.create(model="parley-tiny", temperature=0, messages=messages, tools=tools)
    assert first.choices[0].finish_reason == "tool_calls"
    assert first.choices[0].message.tool_calls is not None
    (call,) = first.choices[0].message.tool_calls
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": '{"temp": 21}'}]
    second = client.chat.completions.create(model="parley-tiny", temperature=0, messages=messages, tools=tools)
    assert second.choices[0].message.content
    with client.chat.completions.stream(
        model="parley-tiny", temperature=0, messages=messages[:1], tools=tools
    ) as stream:
        streamed = stream.get_final_completion().choices[0].message.tool_calls
    assert streamed is not None
    assert json.loads(streamed[0].function.arguments) == {"city": "Paris"}


PLATE = "[A-Z]{3}-[0-9]{2,4}"


def _custom(name: str, syntax: str | None = None, definition: str = "") -> dict[str, Any]:
    grammar = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    return {"type": "custom", "custom": {"name": name, **({"format": grammar} if syntax else {})}}


@pytest.mark.parametrize(
    ("tool", "pattern"),
    [
        (_custom("note"), "(?s).+"),
        (_custom("plate", "regex", PLATE), PLATE),
        (_custom("add", "lark", 'start: NUM ("+" NUM)+\nNUM: /[1-9]{1,3}/\n%ignore " "'), "[0-9 ]+([+][0-9 ]+)+"),
    ],
)
@pytest.mark.parametrize("choice", ["required", "auto"])
def test_calls_of_custom_tools_are_answered_whole_and_in_a_stream(
    client: OpenAI, tool: dict[str, Any], pattern: str, choice: str
) -> None:
    fields: dict[str, Any] = {
        "model": "parley-tiny",
        "messages": [{"role": "user", "content": "What is the weather in ABC-123?"}],
        "tools": [tool],
        "tool_choice": choice,
        "temperature": 0,
        "max_completion_tokens": 300,
    }
    whole = client.chat.completions.create(**fields).choices[0]
    assert whole.finish_reason == "tool_calls"
    assert whole.message.tool_calls
    call = whole.message.tool_calls[0]
    assert call.type == "custom"
    assert call.custom.name == tool["custom"]["name"]
    assert re.fullmatch(pattern, call.custom.input)
    # The SDK's types know calls of functions alone in a stream; what is new to them, it hands on.
    deltas = [
        delta.to_dict()
        for chunk in client.chat.completions.create(stream=True, **fields)
        for delta in chunk.choices[0].delta.tool_calls or ()
    ]
    assert [(delta.get("type"), delta["index"]) for delta in deltas] == [("custom", 0), *[(None, 0)] * len(deltas[1:])]
    bodies: list[Any] = [delta["custom"] for delta in deltas]
    assert bodies[0] == {"name": tool["custom"]["name"], "input": ""}
    assert "".join(body["input"] for body in bodies) == call.custom.input


def test_a_bad_grammar_is_an_exception_with_its_path(client: OpenAI) -> None:
    tools: list[Any] = [_custom("note"), _custom("plate", "lark", "start: nowhere")]
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model="parley-tiny", messages=HELLO, tools=tools, stream=stream)
        assert refused.value.param == "tools[1].custom.format.grammar.definition"
        assert refused.value.code == "invalid_value"
        assert "nowhere" not in refused.value.message


def test_parse_gives_arguments_of_a_tool_or_an_answer_as_the_models_of_pydantic(client: OpenAI) -> None:
    class Weather(pydantic.BaseModel):
        city: str = pydantic.Field(pattern="^[A-Z][a-z]{2,9}$")

    class Mood(pydantic.BaseModel):
        mood: Literal["good", "bad"]

    tools: list[Any] = [openai.pydantic_function_tool(Weather, name="get_weather")]
    for text, calls in (("What is the weather in Paris?", True), ("Hello!", False)):
        message = (
            client.chat.completions.parse(
                model="parley-tiny",
                temperature=0,
                messages=[{"role": "user", "content": text}],
                tools=tools,
                response_format=Mood,
            )
            .choices[0]
            .message
        )
        if calls:
            assert message.tool_calls
            assert message.tool_calls[0].function.parsed_arguments == Weather(city="Paris")
        else:
            assert isinstance(message.parsed, Mood)
            assert not message.tool_calls


def test_an_answer_obeys_a_model_of_pydantic(client: OpenAI) -> None:
    class Person(pydantic.BaseModel):
        name: str = pydantic.Field(max_length=12)
        age: int = pydantic.Field(ge=0, le=99)

    answer = client.chat.completions.parse(model="parley-tiny", messages=HELLO, response_format=Person)
    assert isinstance(answer.choices[0].message.parsed, Person)


def test_log_probabilities_are_those_of_the_words_of_the_answer(client: OpenAI) -> None:
    choice = sdk.logprobs(client, "parley-tiny").choices[0]
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert "".join(entry.token for entry in choice.logprobs.content) == choice.message.content
    for entry in choice.logprobs.content:
        assert entry.logprob == max(other.logprob for other in entry.top_logprobs), "the likeliest, at temperature 0"
        assert bytes(entry.bytes or []).decode() == entry.token


def test_each_example_of_the_document_is_answered_unless_its_summary_says_that_it_is_refused(
    llama_server: Server,
) -> None:
    document = llama_server.request("GET", "/v1/openapi.json").json()
    body = document["paths"]["/chat/completions"]["post"]["requestBody"]["content"]["application/json"]
    refused = 0
    for name, example in body["examples"].items():
        answer = llama_server.request(
            "POST", "/v1/chat/completions", body=example["value"], headers=llama_server.bearer
        )
        is_refused = "refused by the bundled model" in example["summary"]
        assert answer.status == (400 if is_refused else 200), (name, answer.body)
        refused += is_refused
    assert 0 < refused < len(body["examples"])


def test_the_sampling_parameters_take_effect(client: OpenAI) -> None:
    def ask(**fields: Any) -> Any:
        messages: list[Any] = [{"role": "user", "content": "Tell me a joke."}]
        return client.chat.completions.create(model="parley-tiny", messages=messages, **fields).choices[0]

    assert ask(seed=7).message.content == ask(seed=7).message.content
    assert len({ask(seed=seed, temperature=2).message.content for seed in range(5)}) > 1
    assert ask(max_completion_tokens=3).finish_reason == "length"
    whole = ask(temperature=0).message.content
    stop = whole.split()[2]
    cut = ask(temperature=0, stop=[stop])
    assert whole.startswith(cut.message.content)
    assert stop not in cut.message.content
    assert cut.finish_reason == "stop"
