"""OpenAI's own Python SDK works against the server, sync and async, whole and streamed."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Literal

import openai
import pydantic
import pytest
from openai import AsyncOpenAI, OpenAI

from ..live import Server

pytestmark = pytest.mark.live

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]


@pytest.fixture
def client(llama_server: Server) -> OpenAI:
    return OpenAI(base_url=llama_server.base, api_key=llama_server.key, max_retries=0)


def test_a_completion(client: OpenAI) -> None:
    completion = client.chat.completions.create(model="parley-tiny", messages=HELLO, temperature=0)
    assert "help" in (completion.choices[0].message.content or "")
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens > 0
    assert completion._request_id


def test_a_stream_with_usage(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="parley-tiny", messages=HELLO, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    whole = client.chat.completions.create(model="parley-tiny", messages=HELLO, temperature=0)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_stream_helper_accumulates_a_completion(client: OpenAI) -> None:
    with client.chat.completions.stream(model="parley-tiny", messages=HELLO, temperature=0) as stream:
        final = stream.get_final_completion()
    assert "help" in (final.choices[0].message.content or "")


def test_the_async_client_whole_and_streamed_many_at_once(llama_server: Server) -> None:
    async def run() -> None:
        async with AsyncOpenAI(base_url=llama_server.base, api_key=llama_server.key, max_retries=0) as client:

            async def whole() -> str:
                answer = await client.chat.completions.create(model="parley-tiny", messages=HELLO, temperature=0)
                return answer.choices[0].message.content or ""

            async def streamed() -> str:
                stream = await client.chat.completions.create(
                    model="parley-tiny", messages=HELLO, temperature=0, stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            texts = await asyncio.gather(*(whole() for _ in range(6)), *(streamed() for _ in range(6)))
            assert len(set(texts)) == 1

    asyncio.run(run())


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["parley-tiny"]
    assert client.models.retrieve("parley-tiny").id == "parley-tiny"


def test_errors_are_the_exceptions_that_the_sdk_has_for_them(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-9", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("org/name")
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="parley-tiny", messages=HELLO, temperature=3)
    assert refused.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as unsupported:
        client.chat.completions.create(model="parley-tiny", messages=HELLO, store=True, stream=True)
    assert unsupported.value.code == "unsupported_parameter"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").chat.completions.create(model="parley-tiny", messages=HELLO)
    with pytest.raises(openai.BadRequestError) as unknown:
        client.chat.completions.create(model="parley-tiny", messages=HELLO, extra_body={"top_k": 1})
    assert (unknown.value.code, unknown.value.param) == ("unknown_parameter", "top_k")
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(model="parley-tiny", messages=[{"role": "user", "content": "word " * 5000}])
    assert long.value.code == "context_length_exceeded"


def test_a_tool_is_called_answered_and_the_answer_used(client: OpenAI) -> None:
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools: list[Any] = [{"type": "function", "function": {"name": "get_weather", "parameters": city}}]
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
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
    choice = client.chat.completions.create(
        model="parley-tiny", messages=HELLO, temperature=0, logprobs=True, top_logprobs=3
    ).choices[0]
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert "".join(entry.token for entry in choice.logprobs.content) == choice.message.content
    for entry in choice.logprobs.content:
        assert len(entry.top_logprobs) == 3
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
