"""OpenAI's own Python SDK works against the server, sync and async, whole and streamed."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
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


def test_the_sampling_parameters_take_effect(client: OpenAI) -> None:
    def ask(**fields: Any) -> Any:
        messages: list[Any] = [{"role": "user", "content": "Tell me a joke."}]
        return client.chat.completions.create(model="parley-tiny", messages=messages, **fields).choices[0]

    assert ask(seed=7).message.content == ask(seed=7).message.content
    assert len({ask(seed=seed, temperature=1.5).message.content for seed in range(5)}) > 1
    assert ask(max_completion_tokens=3).finish_reason == "length"
    whole = ask(temperature=0).message.content
    stop = whole.split()[2]
    cut = ask(temperature=0, stop=[stop])
    assert whole.startswith(cut.message.content)
    assert stop not in cut.message.content
    assert cut.finish_reason == "stop"
