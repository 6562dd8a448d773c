"""What OpenAI's own SDK must get of any model, whatever that says: against our model, and in front of other servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

import openai
import pydantic
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]
WEATHER: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: list[Any] = [{"type": "function", "function": {"name": "get_weather", "parameters": CITY}}]
FORCED: dict[str, Any] = {"type": "function", "function": {"name": "get_weather"}}

# Enough for a call or a schema; what says more is cut.
_TOKENS = 200

Check = Callable[[OpenAI, str], Any]


class Mood(pydantic.BaseModel):
    mood: Literal["good", "bad"]


def plain(client: OpenAI, model: str) -> ChatCompletion:
    completion = client.chat.completions.create(
        model=model, messages=HELLO, temperature=0, max_completion_tokens=_TOKENS
    )
    assert isinstance(completion.choices[0].message.content, str)
    assert completion.choices[0].finish_reason in ("stop", "length")
    assert completion.usage is not None
    assert completion.usage.total_tokens > 0
    assert completion._request_id
    return completion


def stream(client: OpenAI, model: str) -> list[ChatCompletionChunk]:
    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=HELLO,
            temperature=0,
            max_completion_tokens=_TOKENS,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    return chunks


def helper(client: OpenAI, model: str) -> ChatCompletion:
    """The stream helper puts a completion together."""
    with client.chat.completions.stream(
        model=model, messages=HELLO, temperature=0, max_completion_tokens=_TOKENS
    ) as events:
        final = events.get_final_completion()
    assert isinstance(final.choices[0].message.content, str)
    return final


def many_at_once(client: OpenAI, model: str, each: int = 3) -> set[str]:
    """The async client, whole and streamed; gives the texts, which need not be the same where a server batches."""

    async def run() -> set[str]:
        async with AsyncOpenAI(base_url=client.base_url, api_key=client.api_key, max_retries=0) as several:

            async def whole() -> str:
                answer = await several.chat.completions.create(
                    model=model, messages=HELLO, temperature=0, max_completion_tokens=_TOKENS
                )
                return answer.choices[0].message.content or ""

            async def streamed() -> str:
                chunks = await several.chat.completions.create(
                    model=model, messages=HELLO, temperature=0, max_completion_tokens=_TOKENS, stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

            return set(await asyncio.gather(*(whole() for _ in range(each)), *(streamed() for _ in range(each))))

    return asyncio.run(run())


def models(client: OpenAI, model: str) -> None:
    assert model in [listed.id for listed in client.models.list()]
    assert client.models.retrieve(model).id == model


def choices(client: OpenAI, model: str) -> None:
    whole = client.chat.completions.create(model=model, messages=HELLO, n=2, max_completion_tokens=_TOKENS)
    assert [choice.index for choice in whole.choices] == [0, 1]
    assert all(choice.finish_reason for choice in whole.choices)
    chunks = client.chat.completions.create(
        model=model, messages=HELLO, n=2, max_completion_tokens=_TOKENS, stream=True
    )
    ended = [choice.index for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert sorted(ended) == [0, 1]


def forced(client: OpenAI, model: str) -> None:
    """A tool that must be called is called, whole and in a stream."""
    for choice in ("required", FORCED):
        fields: dict[str, Any] = {
            "model": model,
            "messages": WEATHER,
            "tools": TOOLS,
            "tool_choice": choice,
            "temperature": 0,
            "max_completion_tokens": _TOKENS,
        }
        answers: list[Any] = [client.chat.completions.create(**fields), _streamed(client, fields)]
        for answer in answers:
            if answer.choices[0].finish_reason == "length":
                continue  # an argument may be as long as the model likes
            assert answer.choices[0].message.tool_calls
            call = answer.choices[0].message.tool_calls[0]
            assert call.type == "function"
            assert call.function.name == "get_weather"
            assert isinstance(json.loads(call.function.arguments), dict)


def _streamed(client: OpenAI, fields: dict[str, Any]) -> Any:
    with client.chat.completions.stream(**fields) as events:
        for _ in events:
            pass
        return events.current_completion_snapshot


def parsed(client: OpenAI, model: str) -> None:
    """An answer obeys a model of pydantic."""
    answer = client.chat.completions.parse(
        model=model, messages=HELLO, response_format=Mood, max_completion_tokens=_TOKENS
    )
    assert isinstance(answer.choices[0].message.parsed, Mood)


def logprobs(client: OpenAI, model: str) -> ChatCompletion:
    completion = client.chat.completions.create(
        model=model, messages=HELLO, temperature=0, max_completion_tokens=16, logprobs=True, top_logprobs=3
    )
    found = completion.choices[0].logprobs
    assert found is not None
    assert found.content is not None
    assert all(len(entry.top_logprobs) == 3 for entry in found.content)
    return completion


def errors(client: OpenAI, model: str) -> None:
    """Errors are the exceptions that the SDK has for them."""
    create = client.chat.completions.create
    missing = _raised(openai.NotFoundError, lambda: create(model="gpt-9", messages=HELLO))
    assert missing.code == "model_not_found"
    _raised(openai.NotFoundError, lambda: client.models.retrieve("org/name"))
    refused = _raised(openai.BadRequestError, lambda: create(model=model, messages=HELLO, temperature=3))
    assert refused.param == "temperature"
    unknown = _raised(
        openai.BadRequestError, lambda: create(model=model, messages=HELLO, extra_body={"zyr": 1}, stream=True)
    )
    assert (unknown.code, unknown.param) == ("unknown_parameter", "zyr")
    wrong = client.with_options(api_key="wrong")
    _raised(openai.AuthenticationError, lambda: wrong.chat.completions.create(model=model, messages=HELLO))


def _raised(kind: type[openai.APIStatusError], ask: Callable[[], object]) -> Any:
    try:
        ask()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def too_long(client: OpenAI, model: str) -> None:
    """A conversation that the model's context cannot hold."""
    long: list[Any] = [{"role": "user", "content": "word " * 20_000}]
    told = _raised(openai.BadRequestError, lambda: client.chat.completions.create(model=model, messages=long))
    assert told.code == "context_length_exceeded"


def leaving(client: OpenAI, model: str) -> None:
    """A stream that is left does not keep another from its answer."""
    for _ in range(4):
        left = client.chat.completions.create(model=model, messages=HELLO, stream=True)
        next(iter(left))
        left.close()
    plain(client, model)


CHECKS: dict[str, Check] = {
    "plain": plain,
    "stream": stream,
    "stream helper": helper,
    "many at once": many_at_once,
    "models": models,
    "n": choices,
    "tools, forced": forced,
    "schema": parsed,
    "log probabilities": logprobs,
    "errors": errors,
    "leaving": leaving,
}


def verdicts(client: OpenAI, model: str) -> Iterator[tuple[str, str]]:
    """For each check its name, and what is wrong; empty: nothing is. What a model cannot do may be refused or fail by
    the name of the parameter, in the SDK's own exceptions."""
    for name, check in CHECKS.items():
        try:
            check(client, model)
            yield name, ""
        except (openai.BadRequestError, openai.InternalServerError) as error:
            yield name, "" if error.param else f"{error.status_code} without a parameter: {error.message}"
        except Exception as error:
            yield name, f"{type(error).__name__}: {error}"[:500]
