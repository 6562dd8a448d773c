"""The bundled model answers through the real model process, as the API says it should."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from app.engines.constraints.binding import Binding
from app.engines.llama.engine import LlamaEngine
from app.errors import BadRequest, ConfigurationError, ContextLengthExceeded, EngineUnavailable, ServerError
from app.jsontypes import Json
from app.model_process.address import address_from_environment
from app.model_process.supervisor import Supervision
from tools.tiny_model.dialogue import VOCABULARY

from ..patience import PATIENCE, little_work
from .asking import complete, stream
from .conftest import CONTEXT_LENGTH, ENDLESS, engine_at, environment_kept

pytestmark = pytest.mark.live

HELLO = [{"role": "user", "content": "Hello!"}]


def _run(engine: LlamaEngine, use: Callable[[], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        await engine.start()
        try:
            return await asyncio.wait_for(use(), PATIENCE)
        finally:
            await engine.close()

    return asyncio.run(run())


def _complete(engine: LlamaEngine, **request: Any) -> Json:
    result: Json = _run(engine, lambda: complete(engine, {"messages": HELLO, **request}))
    return result


def _stream(engine: LlamaEngine, **request: Any) -> list[Json]:
    async def use() -> list[Json]:
        return [piece async for piece in stream(engine, {"messages": HELLO, **request})]

    result: list[Json] = _run(engine, use)
    return result


def _content(completion: Json) -> str:
    return str(completion["choices"][0]["message"]["content"])


def _joined(pieces: list[Json]) -> str:
    return "".join(choice["delta"].get("content", "") for piece in pieces for choice in piece["choices"])


def test_a_greeting_is_answered(engine: LlamaEngine) -> None:
    completion = _complete(engine, temperature=0)
    assert "help" in _content(completion)
    assert completion["choices"][0]["index"] == 0
    assert completion["choices"][0]["finish_reason"] == "stop"


def test_a_loaded_model_is_ready(engine: LlamaEngine) -> None:
    async def use() -> bool:
        await complete(engine, {"messages": HELLO, "max_tokens": 1})
        return await engine.ready()

    assert _run(engine, use) is True


def test_an_engine_that_is_not_started_is_not_ready(engine: LlamaEngine) -> None:
    assert asyncio.run(engine.ready()) is False
    asyncio.run(engine.close())


def test_without_a_launch_there_is_no_address() -> None:
    with environment_kept():
        os.environ.pop("PARLEY_CHILD_SOCKET", None)
        with pytest.raises(ConfigurationError):
            address_from_environment()


def test_the_same_seed_gives_the_same_text(engine: LlamaEngine) -> None:
    for seed in (7, -1, 2**63 - 1):
        texts = {_content(_complete(engine, seed=seed, temperature=2, max_tokens=40)) for _ in range(3)}
        assert len(texts) == 1


def test_without_a_seed_texts_differ(engine: LlamaEngine) -> None:
    # A greeting has one answer that is too likely, whatever the temperature.
    anything = [{"role": "user", "content": "Tell me something."}]
    texts = {_content(_complete(engine, messages=anything, temperature=2, max_tokens=20)) for _ in range(16)}
    assert len(texts) > 1


@pytest.mark.parametrize("stop", ["can", ["help", "can I"], "o", "!", "day"])
def test_a_stop_sequence_is_never_in_the_answer(engine: LlamaEngine, stop: str | list[str]) -> None:
    whole = _complete(engine, temperature=0, stop=stop)
    pieces = _stream(engine, temperature=0, stop=stop)
    for text in (_content(whole), _joined(pieces)):
        assert not any(sequence in text for sequence in ([stop] if isinstance(stop, str) else stop))
    assert _content(whole) == _joined(pieces)
    assert whole["choices"][0]["finish_reason"] == "stop"


def test_max_tokens_limits_the_answer(engine: LlamaEngine) -> None:
    for request in (
        {"max_tokens": 3},
        {"max_completion_tokens": 3},
        {"max_tokens": 9, "max_completion_tokens": 3},
    ):
        completion = _complete(engine, temperature=0, **request)
        assert completion["usage"]["completion_tokens"] == 3
        assert completion["choices"][0]["finish_reason"] == "length"


def test_no_tokens_are_no_text(engine: LlamaEngine) -> None:
    completion = _complete(engine, max_tokens=0)
    assert _content(completion) == ""
    assert completion["choices"][0]["finish_reason"] == "length"
    assert completion["usage"]["completion_tokens"] == 0
    pieces = _stream(engine, max_tokens=0)
    assert _joined(pieces) == ""
    assert pieces[-2]["choices"][0]["finish_reason"] == "length"
    assert pieces[-1]["usage"]["completion_tokens"] == 0


def test_usage_adds_up(engine: LlamaEngine) -> None:
    first, second = (_complete(engine, temperature=0)["usage"] for _ in range(2))
    for usage in (first, second):
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert usage["prompt_tokens_details"]["audio_tokens"] == 0
        assert usage["completion_tokens_details"] == {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    assert 0 < second["prompt_tokens_details"]["cached_tokens"] <= second["prompt_tokens"]


def test_a_stream_equals_the_whole_answer(engine: LlamaEngine) -> None:
    whole, pieces = _complete(engine, temperature=0), _stream(engine, temperature=0)
    assert _joined(pieces) == _content(whole)
    assert [piece["choices"][0]["finish_reason"] for piece in pieces[:-1]] == [None] * (len(pieces) - 2) + ["stop"]
    assert pieces[-1]["choices"] == []
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert pieces[-1]["usage"][name] == whole["usage"][name]


def test_a_stream_counts_its_tokens_as_it_goes_where_that_is_asked_for(engine: LlamaEngine) -> None:
    pieces = _stream(engine, temperature=0, stream_options={"continuous_usage_stats": True})
    counts = [piece["usage"]["completion_tokens"] for piece in pieces if "usage" in piece]
    assert counts == sorted(counts)
    assert counts[0] <= 1
    assert counts[-1] == len(set(counts) - {0})


def test_the_end_of_a_text_can_be_ignored_where_nothing_binds_it(engine: LlamaEngine) -> None:
    completion = _complete(engine, temperature=0, ignore_eos=True, max_tokens=60)
    assert completion["choices"][0]["finish_reason"] == "length"
    assert completion["usage"]["completion_tokens"] == 60
    with pytest.raises(BadRequest, match="cannot be combined with tools or a response format"):
        _complete(engine, ignore_eos=True, response_format={"type": "json_object"})


def test_a_prompt_beyond_the_context_is_refused_in_both_modes(engine: LlamaEngine) -> None:
    messages = [{"role": "user", "content": "hello there " * 3000}]
    for ask in (_complete, _stream):
        with pytest.raises(ContextLengthExceeded) as caught:
            ask(engine, messages=messages)
        assert caught.value.param == "messages"
        assert "2048" in caught.value.message
        assert re.search(r"take \d{4}", caught.value.message)
        assert "hello" not in caught.value.message


def test_an_answer_ends_with_the_context(engine: LlamaEngine) -> None:
    completion = _complete(engine, **ENDLESS)
    assert completion["usage"]["total_tokens"] <= 2049
    assert completion["usage"]["completion_tokens"] > 1000
    assert completion["choices"][0]["finish_reason"] == "length"


def test_a_token_can_be_forced_and_one_beyond_the_vocabulary_is_refused(engine: LlamaEngine) -> None:
    forced = _complete(engine, logit_bias={"100": 100}, temperature=0, max_tokens=3)
    plain = _complete(engine, temperature=0, max_tokens=3)
    assert _content(forced) != _content(plain)
    with pytest.raises(BadRequest) as caught:
        _complete(engine, logit_bias={str(VOCABULARY): 1})
    assert caught.value.param == "logit_bias"
    assert str(VOCABULARY - 1) in caught.value.message


def test_a_last_message_of_the_assistant_is_not_continued(engine: LlamaEngine) -> None:
    messages = [*HELLO, {"role": "assistant", "content": "Purple elephants"}]
    completion = _complete(engine, messages=messages, temperature=0)
    assert "Purple" not in _content(completion)


def test_a_refusal_of_llama_cpp_is_told_without_its_text(engine: LlamaEngine, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BadRequest) as caught:
        _complete(engine, temperature="a secret")
    assert (caught.value.param, caught.value.code) == ("messages", "invalid_value")
    assert "secret" not in caught.value.message
    assert "invalid_request_error" in caplog.text
    assert "secret" not in caplog.text


def _entries(pieces: list[Json]) -> list[Json]:
    return [
        entry for piece in pieces for choice in piece["choices"] for entry in (choice.get("logprobs") or _NO)["content"]
    ]


_NO: Json = {"content": []}


def test_log_probabilities_are_those_of_the_tokens(engine: LlamaEngine) -> None:
    whole = _complete(engine, temperature=0, logprobs=True, top_logprobs=3)["choices"][0]
    entries = whole["logprobs"]["content"]
    assert whole["logprobs"]["refusal"] is None
    assert "".join(entry["token"] for entry in entries) == whole["message"]["content"]
    for entry in entries:
        assert entry.keys() == {"token", "logprob", "bytes", "top_logprobs"}
        assert bytes(entry["bytes"]).decode() == entry["token"]
        assert len(entry["top_logprobs"]) == 3
        assert entry["top_logprobs"][0] == {name: entry[name] for name in ("token", "logprob", "bytes")}
        values = [other["logprob"] for other in entry["top_logprobs"]]
        assert values == sorted(values, reverse=True)
        assert sum(math.exp(value) for value in values) <= 1.001
    pieces = _stream(engine, temperature=0, logprobs=True, top_logprobs=3)
    assert _entries(pieces) == entries
    for piece in pieces[:-2]:
        text = "".join(entry["token"] for entry in _entries([piece]))
        assert text == piece["choices"][0]["delta"]["content"]


@pytest.mark.parametrize("count", [None, 0, 20])
def test_there_are_as_many_alternatives_as_asked(engine: LlamaEngine, count: int | None) -> None:
    request = {} if count is None else {"top_logprobs": count}
    choice = _complete(engine, temperature=0, max_tokens=2, logprobs=True, **request)["choices"][0]
    assert [len(entry["top_logprobs"]) for entry in choice["logprobs"]["content"]] == [count or 0] * 2


@pytest.mark.parametrize("stop", [["help me"], ["help you tomorrow", "zz"], ["day?"], [" you"], ["H"], ["?x"]])
def test_log_probabilities_are_true_beside_stop_sequences(engine: LlamaEngine, stop: list[str]) -> None:
    free = _complete(engine, temperature=0, logprobs=True)["choices"][0]["logprobs"]["content"]
    plain = _complete(engine, temperature=0, stop=stop)
    whole = _complete(engine, temperature=0, logprobs=True, stop=stop)
    pieces = _stream(engine, temperature=0, logprobs=True, stop=stop)
    assert _content(whole) == _joined(pieces) == _content(plain)
    assert whole["choices"][0]["finish_reason"] == "stop"
    entries = whole["choices"][0]["logprobs"]["content"]
    assert [entry["token"] for entry in entries] == [entry["token"] for entry in free[: len(entries)]]
    assert "".join(entry["token"] for entry in entries).startswith(_content(plain))
    assert [entry["logprob"] for entry in entries] == pytest.approx(
        [entry["logprob"] for entry in free[: len(entries)]], abs=0.01
    )
    for name in ("prompt_tokens", "completion_tokens"):
        assert abs(whole["usage"][name] - plain["usage"][name]) <= 1


def test_log_probabilities_come_only_when_asked_for(engine: LlamaEngine) -> None:
    assert "logprobs" not in _complete(engine, max_tokens=2, logprobs=False)["choices"][0]
    assert _complete(engine, max_tokens=0, logprobs=True)["choices"][0]["logprobs"]["content"] == []
    with pytest.raises(BadRequest) as caught:
        _complete(engine, top_logprobs=3)
    assert caught.value.param == "top_logprobs"


def _bound(schema: Any, **more: Any) -> Json:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, **more}}}


SHORT = {"type": "string", "maxLength": 8}
SCHEMAS: list[Any] = [
    {"type": "object", "properties": {"a": SHORT, "b": {"type": "integer", "minimum": 3, "maximum": 9}}},
    {"type": "object", "properties": {"a": SHORT}, "required": ["a"], "additionalProperties": False},
    {"type": "object", "properties": {"a": SHORT, "b": SHORT}, "required": ["b"]},
    {"type": "array", "items": {"enum": [1, None, "x"]}, "minItems": 2, "maxItems": 3, "uniqueItems": False},
    {"type": "string", "pattern": "[0-9]{3}-\\\\d$", "maxLength": 9},
    {"type": "string", "format": "date"},
    {"type": "integer", "multipleOf": 7, "exclusiveMinimum": 0, "maximum": 100},
    {"anyOf": [{"const": {"k": [1]}}, {"type": "boolean"}]},
    {"oneOf": [{"const": "p"}, {"const": "q"}]},
    {"allOf": [{"type": "integer"}, {"minimum": 3}, {"maximum": 4}]},
    {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "array", "prefixItems": [SHORT], "items": False}}},
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"v": {"type": "integer", "maximum": 9, "minimum": 0}, "next": {"$ref": "#/definitions/n"}},
        "required": ["v"],
        "definitions": {"n": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("strict", [True, False, None])
def test_an_answer_fits_its_schema(engine: LlamaEngine, schema: Any, strict: bool | None) -> None:
    finished = 0
    for seed in range(4):
        more = {"temperature": 2 * (seed > 0), "seed": seed, "max_tokens": 300, **_bound(schema, strict=strict)}
        choice = _complete(engine, **more)["choices"][0]
        # Where a schema allows any depth, nothing but chance makes a small model end.
        if choice["finish_reason"] != "stop" and "definitions" in schema:
            continue
        finished += 1
        assert choice["finish_reason"] == "stop"
        Draft202012Validator({**schema, "$schema": Draft202012Validator.META_SCHEMA["$id"]}).validate(
            json.loads(choice["message"]["content"])
        )
    assert finished


def test_a_bound_answer_is_streamed(engine: LlamaEngine) -> None:
    request = {"temperature": 0, "logprobs": True, **_bound(SCHEMAS[1])}
    whole, pieces = _complete(engine, **request), _stream(engine, **request)
    assert _joined(pieces) == _content(whole)
    assert json.loads(_joined(pieces)).keys() == {"a"}
    assert len(pieces) > 4
    assert "".join(entry["token"] for entry in _entries(pieces)) == _joined(pieces)


def test_an_answer_can_be_any_object_or_any_text(engine: LlamaEngine) -> None:
    choice = _complete(engine, response_format={"type": "json_object"}, seed=3)["choices"][0]
    assert choice["message"]["content"].startswith("{")
    assert choice["finish_reason"] == "length" or isinstance(json.loads(choice["message"]["content"]), dict)
    assert _content(_complete(engine, temperature=0, response_format={"type": "text"})) == _content(
        _complete(engine, temperature=0)
    )


def test_a_bound_answer_may_be_cut_off(engine: LlamaEngine) -> None:
    for request, reason in (({"max_tokens": 3}, "length"), ({"max_tokens": 0}, "length"), ({"stop": '":'}, "stop")):
        choice = _complete(engine, temperature=0, **request, **_bound(SCHEMAS[1]))["choices"][0]
        assert choice["finish_reason"] == reason
        assert "}" not in choice["message"]["content"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5, "maximum": 2},
        {"type": "string", "pattern": "^abc$", "maxLength": 2},
        {"type": "object", "required": ["z"], "properties": {}, "additionalProperties": False},
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"not": {}},
        {"type": "object", "properties": {"a": {"uniqueItems": True}}},
    ],
)
def test_a_schema_that_cannot_be_obeyed_is_refused(engine: LlamaEngine, schema: Any) -> None:
    for ask in (_complete, _stream):
        with pytest.raises(BadRequest) as caught:
            ask(engine, **_bound(schema))
        assert str(caught.value.param).startswith("response_format.json_schema.schema")


def test_a_grammar_bomb_costs_little(engine: LlamaEngine) -> None:
    count = {"type": "array", "minItems": 10_000}
    bombs: list[Any] = [
        {"type": "string", "pattern": "^((a{1,100}){1,100}){1,100}$"},
        {**count, "items": {**count, "items": {**count, "items": {"type": "string", "minLength": 10_000}}}},
        {"anyOf": [{"properties": {f"{a}{b}": {} for b in range(40)}} for a in range(40)]},
    ]
    for bomb in bombs:
        with little_work(10), contextlib.suppress(BadRequest, ServerError):
            _complete(engine, max_tokens=20, **_bound(bomb))
        assert _content(_complete(engine, max_tokens=3))


def test_an_answer_that_does_not_fit_is_never_passed_on(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Binding, "grammar", '%llguidance {}\nstart: "7"\n')
    for ask in (_complete, _stream):
        with pytest.raises(ServerError):
            ask(engine, **_bound({"type": "string"}))


def test_odd_texts_are_answered(engine: LlamaEngine) -> None:
    for text in ("", "\x00", "\ud83d", "\U0001f600", "<|im_end|>", "{{ 7 * 7 }}"):
        assert _complete(engine, messages=[{"role": "user", "content": text}], max_tokens=2)["choices"]


async def _metric(http: aiohttp.ClientSession, name: str) -> int:
    """The sum of llama.cpp's metrics whose names begin so."""
    async with http.get("http://model/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(int(float(line.split()[1])) for line in lines if line.startswith(f"llamacpp:{name}"))


async def _busy(http: aiohttp.ClientSession) -> int:
    """How many requests llama.cpp works on or has in its queue."""
    return await _metric(http, "requests_")


async def _until(http: aiohttp.ClientSession, *, busy: bool) -> None:
    while bool(await _busy(http)) is not busy:
        pass


async def _tokens_until_idle(http: aiohttp.ClientSession, before: int) -> int:
    """How many tokens were made in all, once nothing is worked on any more."""
    await _until(http, busy=False)
    return await _metric(http, "tokens_predicted_total") - before


def _metrics(supervision: Supervision) -> aiohttp.ClientSession:
    connector = aiohttp.UnixConnector(supervision.socket, force_close=True)
    return aiohttp.ClientSession(connector=connector, headers={"authorization": f"Bearer {supervision.key}"})


# Eight answers on two slots: seconds of work, were it not stopped.
MANY = 8


def test_a_dropped_stream_stops_decoding(engine: LlamaEngine, supervision: Supervision) -> None:
    async def use() -> int:
        async with _metrics(supervision) as http:
            before = await _metric(http, "tokens_predicted_total")
            streams = [stream(engine, {"messages": HELLO, **ENDLESS}) for _ in range(MANY)]
            await asyncio.gather(*(anext(each) for each in streams[:2]))
            waiting = [asyncio.ensure_future(anext(each)) for each in streams[2:]]
            await _until(http, busy=True)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            for each in streams:
                await each.aclose()
            return await _tokens_until_idle(http, before)

    assert _run(engine, use) < MANY * CONTEXT_LENGTH / 2


@pytest.mark.parametrize(
    "more", [{}, {"tools": [{"type": "function", "function": {"name": "get_time"}}], "logprobs": True}]
)
def test_a_cancelled_completion_stops_decoding(engine: LlamaEngine, supervision: Supervision, more: Json) -> None:
    async def use() -> int:
        async with _metrics(supervision) as http:
            before = await _metric(http, "tokens_predicted_total")
            request = {"messages": HELLO, **ENDLESS, **more}
            tasks = [asyncio.ensure_future(complete(engine, request)) for _ in range(MANY)]
            await _until(http, busy=True)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ends)
            return await _tokens_until_idle(http, before)

    assert _run(engine, use) < MANY * CONTEXT_LENGTH / 2


def test_more_requests_than_slots_are_all_answered(engine: LlamaEngine) -> None:
    async def use() -> list[Json]:
        return await asyncio.gather(
            *(complete(engine, {"messages": HELLO, "temperature": 0, "max_tokens": 5}) for _ in range(100))
        )

    assert len({_content(completion) for completion in _run(engine, use)}) == 1


def test_a_request_that_kills_its_process_is_tried_once_more_and_no_oftener() -> None:
    async def use() -> int:
        requests = 0

        async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal requests
            requests += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()

        with tempfile.TemporaryDirectory(prefix="parley-test-") as folder:
            socket = os.path.join(folder, "s.sock")
            async with await asyncio.start_unix_server(die, socket):
                engine = engine_at(socket, "key")
                await engine.start()
                with pytest.raises(EngineUnavailable):
                    await complete(engine, {"messages": HELLO})
                await engine.close()
        return requests

    assert asyncio.run(use()) == 2


def test_a_model_that_stays_away_is_unavailable() -> None:
    absent = engine_at("/nowhere/s.sock", "key")
    with pytest.raises(EngineUnavailable) as caught:
        _complete(absent)
    assert caught.value.headers == {"retry-after": "1"}


def test_after_its_end_an_engine_is_unavailable(engine: LlamaEngine) -> None:
    async def use() -> None:
        await engine.close()
        with pytest.raises(EngineUnavailable):
            await complete(engine, {"messages": HELLO})

    _run(engine, use)


def test_a_model_that_does_not_think_may_be_asked_not_to(engine: LlamaEngine) -> None:
    plain = _complete(engine, temperature=0)
    for more in ({"reasoning_effort": "none"}, {"verbosity": "medium"}):
        assert _complete(engine, temperature=0, **more)["choices"] == plain["choices"]
