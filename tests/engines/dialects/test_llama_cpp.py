"""llama.cpp is asked and read alike, be it the model process or a server elsewhere; whatever it sends is read."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.engines.asked import Asked
from app.engines.base import Delta, Model, StreamItem
from app.engines.collecting import collect
from app.engines.dialects.dialect import UpstreamModel
from app.engines.dialects.drift import Drift
from app.engines.dialects.llama_cpp.dialect import LLAMA_CPP
from app.engines.dialects.llama_cpp.reader import LlamaReader
from app.engines.llama.plan import LlamaPlan, Way
from app.engines.transport.events import MISSING_DONE
from app.engines.transport.replicas import Events
from app.errors import ApiError, EngineUnavailable, ServerError
from app.jsontypes import Json
from app.model_process.slots import SlotRequest

MESSAGES = [{"role": "user", "content": "Hello!"}]
MODEL = Model("m", 0, "o", "f", context_length=512)


def event(text: str | None = None, reason: str | None = None, **more: Any) -> bytes:
    delta = {} if text is None else {"content": text}
    timings = {"cache_n": 1, "prompt_n": 2, "predicted_n": 3}
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return json.dumps({"choices": [choice], "created": 1, "id": "i", "model": "m", "timings": timings, **more}).encode()


USAGE = event(usage={"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}, choices=[])


def text_of(items: list[StreamItem]) -> str:
    return "".join(item.message.get("content") or "" for item in items if isinstance(item, Delta))


def written(request: Json, **extra: Any) -> Json:
    return LLAMA_CPP.write({"messages": MESSAGES, **request}, UpstreamModel(MODEL, "theirs", extra)).body


def test_nothing_is_told_after_a_stop_sequence_though_it_came_together_with_it() -> None:
    reader = LlamaReader(Asked(), Drift("x"), stops=["END"])
    items = [item for data in (event("hi END"), event(" more"), event(" again")) for item in reader.feed(data)]
    assert reader.done
    assert text_of(items) == "hi "
    assert [item.finish_reason for item in items if isinstance(item, Delta) and item.finish_reason] == ["stop"]
    assert [item["usage"]["completion_tokens"] for item in items if isinstance(item, dict)] == [3]


def test_a_whole_answer_that_comes_instead_of_a_stream_is_read_in_the_same_way() -> None:
    message = {"role": "assistant", "content": "hi END more"}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "object": "chat.completion"}
    reader = LlamaReader(Asked(), Drift("x"), stops=["END"])
    assert text_of([*reader.feed_whole(json.dumps(whole).encode())]) == "hi "
    silent = LlamaReader(Asked(), Drift("x"), silent=True)
    assert text_of([*silent.feed_whole(json.dumps(whole).encode())]) == ""


def test_the_timings_that_we_ask_for_are_no_drift() -> None:
    drift = Drift("x")
    reader = LlamaReader(Asked(), drift)
    for data in (event(""), event("a"), event(None, "stop"), USAGE):
        reader.feed(data)
    assert not [kind for kind in drift.counts if kind.startswith("extra_field")]


def test_what_the_operator_adds_is_translated_as_what_a_client_says() -> None:
    body = written({}, top_k=5, seed=-1, logit_bias={"7": 1}, stop=["", "x"])
    assert (body["top_k"], "top_k" in body["samplers"]) == (5, True)
    assert 0 <= body["seed"] < 2**32
    assert (body["logit_bias"], body["stop"]) == ([[7, 1]], ["x"])


@pytest.mark.parametrize("theirs", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("ours", ["max_tokens", "max_completion_tokens"])
def test_a_clients_limit_comes_before_the_operators_by_whichever_name(ours: str, theirs: str) -> None:
    assert written({theirs: 50}, **{ours: 500})["max_tokens"] == 50
    assert written({}, **{ours: 500})["max_tokens"] == 500


SHAPES: list[Any] = [None, True, 5, -1.5, "x", [], {}, [None], ["x"], [{}], {"a": 1}]
ENTRY = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}


def _bent(value: Any, rng: random.Random) -> Any:
    """A value with something in it replaced."""
    if rng.random() < 0.12:
        return rng.choice(SHAPES)
    if isinstance(value, dict):
        return {name: _bent(inner, rng) for name, inner in value.items() if rng.random() > 0.05}
    return [_bent(inner, rng) for inner in value] if isinstance(value, list) else value


def test_whatever_comes_is_told_as_an_error_or_left_to_the_contract() -> None:
    rng = random.Random(7)
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"content": "ab", "reasoning_content": "t", "tool_calls": [call]}
    choice = {"index": 0, "delta": message, "message": message, "finish_reason": "stop"}
    choice["logprobs"] = {"content": [ENTRY, ENTRY]}
    usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    whole = {"choices": [choice], "usage": usage, "timings": {"predicted_n": 1, "cache_n": 0, "prompt_n": 1}}
    for _ in range(3_000):
        asked = Asked(alternatives=rng.choice([None, 0, 2]))
        reader = LlamaReader(asked, Drift("x"), silent=rng.random() < 0.2, stops=rng.choice([[], ["b"]]))
        try:
            if rng.random() < 0.3:
                reader.feed_whole(json.dumps(_bent(whole, rng)).encode())
            for _ in range(3):
                reader.feed(json.dumps(_bent(whole, rng)).encode())
            reader.end()
        except ApiError:
            continue


class Process:
    """Plays what a model process sends."""

    def __init__(self, *steps: Events) -> None:
        self.steps = steps

    async def events(self, payload: Json, slot: SlotRequest) -> AsyncGenerator[Events, None]:
        for step in self.steps:
            yield step

    async def count_tokens(self, text: str) -> int:
        return 0


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([[event("a"), event(None, "stop"), USAGE]], None),
        ([[event("a")]], EngineUnavailable),
        ([[event("a"), event(None, "stop")]], EngineUnavailable),
        ([[event("a"), event(None, "stop"), USAGE], [MISSING_DONE]], EngineUnavailable),
        ([[b"oops"]], ServerError),
        ([[b"[1]"]], ServerError),
        ([b'{"choices": [null]}'], ServerError),
    ],
)
def test_a_fault_of_the_model_process_is_the_engines_and_no_upstreams(
    steps: list[Events], kind: type[ApiError] | None
) -> None:
    process: Any = Process(*steps)
    plan = LlamaPlan(process, Asked(), None, SlotRequest(), Way({}, False, ()))
    if kind is None:
        assert asyncio.run(collect(plan.stream())).choices[0].message == {"content": "a"}
        return
    with pytest.raises(kind) as caught:
        asyncio.run(collect(plan.stream()))
    assert "upstream" not in caught.value.message
