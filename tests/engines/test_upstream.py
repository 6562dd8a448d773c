"""A request goes out as its dialect says it, and what comes back is in our words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.engines.asked import Asked
from app.engines.base import Completion, Refuse, StreamItem
from app.engines.dialects.dialect import UpstreamModel
from app.engines.dialects.llama_cpp.request import fold_seed
from app.engines.upstream import UpstreamEngine, model_of
from app.errors import (
    ApiError,
    BadRequest,
    ContextLengthExceeded,
    UnsupportedParameter,
    UpstreamFailed,
    UpstreamRefused,
)
from app.jsontypes import Json

from .asking import prepare, refuse
from .chunks import ROLE, chunk, completion, last_chunk
from .scripted_replicas import ScriptedReplicas

HELLO: Json = {"messages": [{"role": "user", "content": "Hello!"}]}
TOOLS: Json = {"tools": [{"type": "function", "function": {"name": "f"}}]}
STREAM = [chunk(ROLE), chunk({"content": "Hi."}), chunk({}, "stop"), last_chunk()]
SECRET = "http://127.0.0.1:9/v1"


def engine(replicas: ScriptedReplicas, dialect: str = "openai", **options: Any) -> UpstreamEngine:
    return UpstreamEngine(
        UpstreamModel(model_of("m", dialect, context_length=512), "theirs", **options), dialect, replicas
    )


async def whole(engine: UpstreamEngine, request: Json, refuse: Refuse = refuse, choice: int = 0) -> Completion:
    return await (await prepare(engine, {**HELLO, **request}, refuse)).complete(choice)


async def streamed(engine: UpstreamEngine, request: Json, refuse: Refuse = refuse, choice: int = 0) -> list[StreamItem]:
    return [delta async for delta in (await prepare(engine, {**HELLO, **request}, refuse)).stream(choice)]


ways = pytest.mark.parametrize("ask", [whole, streamed])


@ways
@pytest.mark.parametrize(
    ("dialect", "seed", "seeds"),
    [("openai", 5, [5, 7]), ("ollama", -1, [-1, 1]), ("llama.cpp", 2**32, [fold_seed(2**32), fold_seed(2**32 + 2)])],
)
def test_a_further_choice_has_a_seed_of_its_own_in_the_dialects_range(
    ask: Any, dialect: str, seed: int, seeds: list[int]
) -> None:
    replicas = ScriptedReplicas(completion(), STREAM)
    for choice in (0, 2):
        asyncio.run(ask(engine(replicas, dialect), {"seed": seed}, choice=choice))
    assert [body["seed"] for body in replicas.asked] == seeds
    asyncio.run(ask(engine(replicas), {}, choice=2))
    assert "seed" not in replicas.asked[-1]


@ways
@pytest.mark.parametrize("text", ["{} is odd.", "The maximum context length at {} is 8 tokens."])
def test_a_refusal_tells_no_secret_and_a_conversation_that_is_too_long_has_its_code(ask: Any, text: str) -> None:
    refusal = UpstreamRefused(400, {"message": text.format(SECRET)})
    replicas = ScriptedReplicas(refusal, [refusal])
    with pytest.raises(ApiError) as caught:
        asyncio.run(ask(engine(replicas), {}))
    assert caught.value.message == text.format("…")
    assert isinstance(caught.value, ContextLengthExceeded) is ("context" in text)


@ways
def test_what_the_dialect_cannot_honour_is_refused_before_anybody_is_asked_or_left_out(ask: Any) -> None:
    replicas = ScriptedReplicas(completion(), STREAM)
    with pytest.raises(UnsupportedParameter) as caught:
        asyncio.run(ask(engine(replicas, "ollama"), {**TOOLS, "tool_choice": "required"}))
    assert caught.value.param == "tool_choice"
    assert replicas.asked == []
    refused: list[Any] = []
    asked = {**TOOLS, "tool_choice": "required", "parallel_tool_calls": False}
    asyncio.run(ask(engine(replicas, "ollama"), asked, refused.append))
    assert [error.param for error in refused] == ["tool_choice", "parallel_tool_calls"]
    assert not {"tool_choice", "parallel_tool_calls"} & replicas.asked[0].keys()


@ways
def test_a_picture_that_would_have_to_be_fetched_is_refused_before_anybody_is_asked(ask: Any) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    messages = [{"role": "user", "content": [picture]}]
    for dialect, options, fetched in (
        ("vllm", {}, False),
        ("vllm", {"remote_media": True}, True),
        ("openai", {}, True),
    ):
        replicas = ScriptedReplicas(completion(), STREAM)
        if fetched:
            asyncio.run(ask(engine(replicas, dialect, **options), {"messages": messages}))
            assert replicas.asked[0]["messages"] == messages
        else:
            with pytest.raises(BadRequest):
                asyncio.run(ask(engine(replicas, dialect, **options), {"messages": messages}))
            assert replicas.asked == []


def test_log_probabilities_beside_tools_come_from_llama_cpp_in_a_whole_answer() -> None:
    entry = {"token": "Hi.", "logprob": -0.5, "bytes": [72, 105, 46], "top_logprobs": []}
    answer = completion({"logprobs": {"content": [entry], "refusal": None}})
    for ask in (streamed, whole):
        replicas = ScriptedReplicas(answer)
        told: Any = asyncio.run(ask(engine(replicas, "llama.cpp"), {**TOOLS, "logprobs": True}))
        assert "stream" not in replicas.asked[0]
        first: Any = (told.choices if isinstance(told, Completion) else told)[0]
        assert (first.message["content"], first.logprobs["content"]) == ("Hi.", [entry])


def test_a_whole_answer_of_llama_cpp_is_asked_for_as_a_stream_which_ends_when_it_is_cancelled() -> None:
    replicas = ScriptedReplicas(completion(), STREAM)
    made = asyncio.run(whole(engine(replicas, "llama.cpp"), {}))
    assert replicas.asked[0]["stream"] is True
    assert made.choices[0].message["content"] == "Hi."
    asyncio.run(whole(engine(replicas, "vllm"), {}))
    assert "stream" not in replicas.asked[1]


def test_what_an_answer_needed_is_counted_by_the_engine_over_all_requests() -> None:
    relay = engine(ScriptedReplicas(completion({"index": None})))
    for _ in range(2):
        asyncio.run(whole(relay, {}))
    assert relay.drift.counts == {"index_missing": 2}


@pytest.mark.parametrize("n", [1, 2])
def test_an_answer_with_more_or_fewer_choices_than_asked_for_is_a_failure(n: int) -> None:
    answer = completion() | {"choices": completion()["choices"] * (3 - n)}
    with pytest.raises(UpstreamFailed):
        asyncio.run(whole(engine(ScriptedReplicas(answer)), {"n": n}))


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        ({}, (1, None, False)),
        ({"n": 3, "logprobs": True}, (3, 0, False)),
        ({"logprobs": True, "top_logprobs": 2}, (1, 2, False)),
        ({"logprobs": False}, (1, None, False)),
        ({"response_format": {"type": "json_object"}}, (1, None, True)),
        ({"response_format": {"type": "json_object"}, "stop": "x"}, (1, None, False)),
        ({"response_format": {"type": "text"}}, (1, None, False)),
    ],
    ids=str,
)
def test_an_answer_is_read_for_what_the_request_asks(request_: Json, asked: tuple[int, int | None, bool]) -> None:
    found = Asked.of(request_)
    assert (found.n, found.alternatives, found.json) == asked
