"""Real servers behind the whole application: llama.cpp's own HTTP server, and Parley itself."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from app.engines.transport.options import UpstreamOptions
from app.engines.transport.replicas import Replicas
from app.engines.upstream import list_upstream_models
from tests import live as servers
from tests.holding import holding
from tests.patience import until, wait_until
from tools.tiny_model.dialogue import VOCABULARY

from ..asking import complete, stream
from .peers import BEARER, KEY, Front, error_of, llama_server, ours, text_of

pytestmark = pytest.mark.live

Make = Callable[..., Front]

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search the web",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}
PARIS = [{"role": "user", "content": "What is the weather in Paris?"}]
LIST = {
    "type": "object",
    "properties": {"answer": {"enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": LIST}}


@pytest.fixture(scope="module")
def parley() -> Iterator[servers.Server]:
    """A real Parley with the bundled model, as an upstream."""
    with servers.serve("llama") as server:
        yield server


@pytest.fixture(params=["llama.cpp", "parley"])
def front(request: pytest.FixtureRequest, live: Make) -> Front:
    """The application in front of each of them."""
    if request.param == "llama.cpp":
        return live(request.getfixturevalue("llama"), "llama.cpp")
    server = request.getfixturevalue("parley")
    return live(server.base, "openai", key=server.key, theirs="parley-tiny")


def test_a_whole_answer_is_the_models(front: Front) -> None:
    answer = front.ask(temperature=0)
    assert answer["model"] == "our-model"
    (choice,) = answer["choices"]
    assert choice["message"]["content"].startswith("Hello!")
    assert choice["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 10


def test_a_stream_says_what_the_whole_answer_says(front: Front) -> None:
    chunks = front.stream(temperature=0, stream_options={"include_usage": True})
    first, *middle, last, usage = chunks
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert all(set(each["choices"][0]["delta"]) == {"content"} for each in middle)
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "stop")
    assert len({(each["id"], each["created"], each["model"]) for each in chunks}) == 1
    whole = front.ask(temperature=0)
    assert text_of(chunks) == whole["choices"][0]["message"]["content"]
    assert usage["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_usage_is_not_in_a_stream_that_did_not_ask_for_it(front: Front) -> None:
    assert all("usage" not in each for each in front.stream(max_tokens=3))


@pytest.mark.parametrize("choice", ["auto", "required", NAMED], ids=str)
def test_a_tool_is_called(front: Front, choice: Any) -> None:
    asked = {"messages": PARIS, "tools": [SEARCH, WEATHER], "tool_choice": choice, "temperature": 0}
    (whole,) = front.ask(**asked)["choices"]
    (call,) = whole["message"]["tool_calls"]
    assert whole["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}
    chunks = front.stream(**asked)
    fragments = [call for each in chunks for call in each["choices"][0]["delta"].get("tool_calls", ())]
    assert "".join(fragment["function"].get("name", "") for fragment in fragments) == "get_weather"
    assert sum("id" in fragment for fragment in fragments) == 1
    assert json.loads("".join(f["function"].get("arguments", "") for f in fragments)) == {"city": "Paris"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_no_tool_is_called_where_none_may_be(front: Front) -> None:
    (choice,) = front.ask(messages=PARIS, tools=[WEATHER], tool_choice="none", temperature=0)["choices"]
    assert "tool_calls" not in choice["message"]
    assert "<tool_call>" not in choice["message"]["content"]


def test_a_conversation_goes_on_after_a_tool_was_called(front: Front) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    messages = [
        *PARIS,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "18 degrees"},
    ]
    (choice,) = front.ask(messages=messages, tools=[WEATHER], temperature=0)["choices"]
    assert "18" in choice["message"]["content"]


def test_log_probabilities_come_with_as_many_alternatives_as_asked_for(front: Front) -> None:
    asked = {"logprobs": True, "top_logprobs": 2, "max_tokens": 3, "temperature": 0}
    (choice,) = front.ask(**asked)["choices"]
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    assert {len(entry["top_logprobs"]) for entry in entries} == {2}
    streamed = [entry for each in front.stream(**asked) for entry in _entries(each)]
    assert [entry["token"] for entry in streamed] == [entry["token"] for entry in entries]
    (none,) = front.ask(**{**asked, "top_logprobs": 0})["choices"]
    assert {len(entry["top_logprobs"]) for entry in none["logprobs"]["content"]} == {0}


def _entries(each: dict[str, Any]) -> list[Any]:
    return (each["choices"][0]["logprobs"] or {}).get("content") or []


def test_an_answer_follows_a_schema(front: Front) -> None:
    (choice,) = front.ask(response_format=FORMAT)["choices"]
    assert json.loads(choice["message"]["content"])["answer"] in ("yes", "no")
    assert json.loads(text_of(front.stream(response_format=FORMAT)))["answer"] in ("yes", "no")


def test_an_answer_ends_at_a_stop_sequence(front: Front) -> None:
    (choice,) = front.ask(stop=[" can"], temperature=0)["choices"]
    assert choice["message"]["content"] == "Hello! How"
    assert choice["finish_reason"] == "stop"
    assert text_of(front.stream(stop=" can", temperature=0)) == "Hello! How"


def test_an_answer_ends_at_the_limit_of_tokens(front: Front) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = front.ask(**{name: 2})
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == 2


def test_choices_differ_and_a_seed_repeats_them(front: Front) -> None:
    anything = [{"role": "user", "content": "Tell me something."}]
    asked = {"messages": anything, "n": 3, "seed": 11, "temperature": 2, "max_tokens": 12}
    first, again = (front.ask(**asked)["choices"] for _ in range(2))
    assert [choice["index"] for choice in first] == [0, 1, 2]
    texts = [choice["message"]["content"] for choice in first]
    assert texts == [choice["message"]["content"] for choice in again]
    assert len(set(texts)) > 1
    finished = {c["index"] for each in front.stream(**asked) for c in each["choices"] if c["finish_reason"]}
    assert finished == {0, 1, 2}


def test_messages_beyond_the_context_are_refused_as_such(front: Front) -> None:
    messages = [{"role": "user", "content": "word " * 6000}]
    for streamed in (False, True):
        error = error_of(front.post(messages=messages, stream=streamed), 400)
        assert error["code"] == "context_length_exceeded"
        assert error["param"] == "messages"
        assert "word word" not in error["message"]


def test_a_bias_forbids_a_token(front: Front) -> None:
    # The first token of "Hello!" in the bundled model's vocabulary.
    plain = front.ask(temperature=0, max_tokens=1)["choices"][0]["message"]["content"]
    assert plain == "Hello"
    biased = front.ask(temperature=0, max_tokens=1, logit_bias={str(token): -100 for token in range(256, VOCABULARY)})
    assert biased["choices"][0]["message"]["content"] != plain


def test_the_official_sdk_reads_all_of_it(front: Front) -> None:
    tools: Any = [WEATHER]
    asked: dict[str, Any] = {"model": "our-model", "temperature": 0, "messages": PARIS}

    async def ask() -> None:
        called: Any = await front.sdk.chat.completions.create(tools=tools, **asked)
        (call,) = called.choices[0].message.tool_calls
        assert call.function.name == "get_weather"
        async with front.sdk.chat.completions.stream(
            model="our-model", temperature=0, messages=[{"role": "user", "content": "Hello!"}], logprobs=True
        ) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.content
        assert final.choices[0].finish_reason == "stop"

    front.run(ask())


def test_what_llama_cpp_sends_needs_the_mends_that_are_known(live: Make, llama: str) -> None:
    front = live(llama, "llama.cpp")
    front.ask()
    front.stream()
    assert set(front.engine.drift.counts) == {"role_chunk_content_null", "usage_without_details"}


def test_parley_as_an_upstream_needs_no_mending(live: Make, parley: servers.Server) -> None:
    front = live(parley.base, "openai", key=parley.key, theirs="parley-tiny")
    front.ask(n=2, logprobs=True, top_logprobs=3)
    front.stream(n=2, stream_options={"include_usage": True})
    front.ask(messages=PARIS, tools=[WEATHER])
    assert front.engine.drift.counts == {}


def test_what_parley_refuses_by_name_is_refused_by_that_name(live: Make, parley: servers.Server) -> None:
    front = live(parley.base, "openai", key=parley.key, theirs="parley-tiny")
    error = error_of(front.post(verbosity="low"), 400)
    assert (error["code"], error["param"]) == ("unsupported_parameter", "verbosity")


def test_the_key_of_an_upstream_that_is_wrong_is_not_the_clients_fault(live: Make, llama: str) -> None:
    error = error_of(live(llama, "llama.cpp", key="sk-wrong-0123").post(), 502)
    assert error["code"] == "upstream_error"
    assert "sk-wrong" not in error["message"]


def test_both_tell_which_models_they_have(llama: str, parley: servers.Server) -> None:
    async def ask(url: str, key: str, dialect: str) -> list[tuple[str, int]]:
        replicas = Replicas(UpstreamOptions(name="m", base_urls=(url,), key=key))
        await replicas.start()
        try:
            return [(model.id, model.context_length) for model in await list_upstream_models(replicas, dialect)]
        finally:
            await replicas.close()

    ((_, context),) = asyncio.run(ask(llama, KEY, "llama.cpp"))
    assert context == 512
    assert asyncio.run(ask(parley.base, parley.key, "openai")) == [("parley-tiny", 4096)]


def test_closing_an_answer_ends_it_upstream(live: Make) -> None:
    request = {"messages": [{"role": "user", "content": "Hello"}]}
    with holding() as upstream:
        front = live(upstream.upstream.base_url, "openai")

        async def begin_a_stream() -> None:
            async with aclosing(stream(front.engine, request)) as pieces:
                await anext(pieces)

        async def begin_a_whole_answer() -> None:
            task = asyncio.create_task(complete(front.engine, request))
            await until(lambda: len(upstream.upstream.received) == 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        front.run(begin_a_stream())
        wait_until(lambda: upstream.left == 1)
        front.run(begin_a_whole_answer())
        wait_until(lambda: upstream.left == 2)


def test_llama_cpp_ends_a_whole_answer_when_nobody_waits_for_it_any_more(live: Make) -> None:
    request = {"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 480}
    with llama_server() as url:
        front = live(url, "llama.cpp", extra={"ignore_eos": True})

        def slots() -> list[Any]:
            asked = urllib.request.Request(f"{url.removesuffix('/v1')}/slots", headers=BEARER)
            with urllib.request.urlopen(asked) as answer:
                found: list[Any] = json.load(answer)
                return found

        def most_tokens() -> int:
            """How many tokens the fullest slot holds, once none is at work."""
            wait_until(lambda: not any(slot["is_processing"] for slot in slots()), "llama.cpp is still at work")
            return max(int(slot.get("n_prompt_tokens", 0)) for slot in slots())

        async def begin() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await complete(front.engine, request)

        front.run(begin())
        assert most_tokens() < 400
        answer = front.run(complete(front.engine, request))
        assert answer["usage"]["completion_tokens"] == 480
        assert most_tokens() > 480


def test_a_model_knows_what_its_dialect_honours() -> None:
    assert ours("vllm").makes_choices
    assert not ours("ollama").makes_choices
    assert ours("vllm").foreign
