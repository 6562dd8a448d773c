"""Models are asked for what they can alone, with the limits, fallbacks and policies that hold for chats."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.chat.limiter import Bounds, Limiters
from app.chat.limits import Limits
from app.chat.service import Chat
from app.completions.service import Completions
from app.embeddings.service import Embeddings
from app.engines.base import CHAT, COMPLETIONS, EMBEDDINGS, OPERATIONS, Embedded, Model, Refuse
from app.engines.echo import DIMENSIONS, LONGEST, MODEL, MOST_NUMBERS, EchoEngine
from app.engines.registry import Registry
from app.errors import ApiError, BadRequest, EngineUnavailable, Overloaded
from app.jsontypes import Json

BODIES: dict[str, Json] = {
    CHAT: {"messages": [{"role": "user", "content": "a b"}]},
    COMPLETIONS: {"prompt": "a b"},
    EMBEDDINGS: {"input": "a b"},
}


class Away(EchoEngine):
    """Cannot answer for the moment."""

    async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> Any:
        raise EngineUnavailable("Away.")

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        raise EngineUnavailable("Away.")


def model(name: str, *operations: str, **fields: Any) -> Model:
    return replace(MODEL, id=name, operations=frozenset(operations or OPERATIONS), **fields)


def services(*engines: EchoEngine, **options: Any) -> dict[str, Chat]:
    registry = Registry(engines)
    kinds: tuple[tuple[str, type[Chat]], ...] = ((CHAT, Chat), (COMPLETIONS, Completions), (EMBEDDINGS, Embeddings))
    return {operation: kind(registry, **options) for operation, kind in kinds}


async def answered(
    service: Chat, operation: str, name: str, log: Json | None = None, **fields: Any
) -> tuple[Json, Any]:
    """The answer, and the call that came to it."""
    call = await service.begin({"model": name, **BODIES[operation], **fields}, {} if log is None else log)
    if isinstance(service, Embeddings):
        return await service.embed(call), call
    return await service.complete(call), call


def ask(service: Chat, operation: str, name: str = "m", **fields: Any) -> Json:
    return asyncio.run(answered(service, operation, name, **fields))[0]


@pytest.mark.parametrize("able", sorted(OPERATIONS))
@pytest.mark.parametrize("asked", sorted(OPERATIONS))
def test_a_model_is_asked_for_what_it_can_alone(able: str, asked: str) -> None:
    service = services(EchoEngine(model=model("m", able)))[asked]
    if able == asked:
        assert ask(service, asked)["model"] == "m"
        return
    with pytest.raises(BadRequest) as caught:
        ask(service, asked)
    assert (caught.value.param, caught.value.code) == ("model", "unsupported_operation")
    paths = {CHAT: "/chat/completions", COMPLETIONS: "POST /completions", EMBEDDINGS: "/embeddings"}
    assert paths[able] in caught.value.message


@pytest.mark.parametrize("operation", [COMPLETIONS, EMBEDDINGS])
def test_another_model_answers_for_one_that_is_away_and_only_one_that_can(operation: str) -> None:
    away = model("m", fallbacks=("chats", "other"))
    engines = (Away(model=away), EchoEngine(model=model("chats", CHAT)), EchoEngine(model=model("other")))
    log: Json = {}
    answer, call = asyncio.run(answered(services(*engines)[operation], operation, "m", log))
    assert answer["model"] == "other"
    assert call.headers() == {"x-fallback-model": "other"}
    assert (log["model"], log["instead_of"], log["because"]) == ("other", "m", "engine_unavailable")
    assert log["tokens"] > 0


@pytest.mark.parametrize("operation", [COMPLETIONS, EMBEDDINGS])
def test_what_is_wrong_with_a_request_is_for_no_other_model(operation: str) -> None:
    engines = (EchoEngine(model=model("m", fallbacks=("other",))), EchoEngine(model=model("other")))
    fields = {"prompt": "x" * (LONGEST + 1)} if operation == COMPLETIONS else {"input": "x" * (LONGEST + 1)}
    with pytest.raises(ApiError) as caught:
        ask(services(*engines)[operation], operation, **fields)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", next(iter(fields)))


@pytest.mark.parametrize("operation", [COMPLETIONS, EMBEDDINGS])
def test_load_is_kept_off_a_model(operation: str) -> None:
    async def run() -> None:
        limiters = Limiters(Bounds(1, 0, 0.01))
        service = services(EchoEngine(delay=0.2, model=model("m")), limiters=limiters)[operation]
        async with limiters.of("m").permit():
            await answered(service, operation, "m")

    with pytest.raises(Overloaded):
        asyncio.run(run())


def test_choices_over_all_prompts_and_their_tokens_are_bounded() -> None:
    service = services(EchoEngine(model=model("m")), limits=Limits(choices=4, tokens=100))[COMPLETIONS]
    assert len(ask(service, COMPLETIONS, prompt=["a", "b"], n=2)["choices"]) == 4
    for fields, param in (
        ({"prompt": ["a"] * 5}, "prompt"),
        ({"n": 5}, "n"),
        ({"prompt": ["a", "b"], "max_tokens": 51}, "max_tokens"),
    ):
        with pytest.raises(BadRequest) as caught:
            ask(service, COMPLETIONS, **fields)
        assert caught.value.param == param


def test_users_are_in_the_log_by_digest_alone() -> None:
    log: Json = {}
    asyncio.run(answered(services(EchoEngine(model=model("m")))[EMBEDDINGS], EMBEDDINGS, "m", log, user="ann"))
    assert log["user"] != "ann"
    assert log["tokens"] == 2


def test_the_echo_engine_says_the_prompt_again() -> None:
    service = services(EchoEngine(model=model("m")))[COMPLETIONS]
    answer = ask(service, COMPLETIONS, prompt=["a b", "c d e"], echo=True, stop="e", max_tokens=1)
    texts = [(choice["text"], choice["finish_reason"]) for choice in answer["choices"]]
    assert texts == [("a ba", "length"), ("c d ec", "length")]
    assert answer["usage"]["prompt_tokens"] == 5


def test_the_words_of_tokens_are_their_ids() -> None:
    every = services(EchoEngine(model=model("m")))
    answer = ask(every[COMPLETIONS], COMPLETIONS, prompt=[7, 8], echo=True)
    assert answer["choices"][0]["text"] == "7 87 8"
    assert answer["usage"]["completion_tokens"] == 2
    tokens, text = (ask(every[EMBEDDINGS], EMBEDDINGS, input=each)["data"][0] for each in ([7, 8], "7 8"))
    assert tokens == text


def test_a_tokens_count_so_far_comes_with_each_piece_when_asked_for() -> None:
    async def run() -> list[Json]:
        service = services(EchoEngine(model=model("m")))[COMPLETIONS]
        body = {"model": "m", "prompt": ["a b", "c"], "stream": True}
        options = {"stream_options": {"continuous_usage_stats": True, "include_usage": True}}
        return [piece async for piece in service.stream(await service.begin({**body, **options}, {}))]

    pieces = asyncio.run(run())
    counted = [piece["usage"]["completion_tokens"] for piece in pieces if piece["usage"]]
    assert counted == sorted(counted)
    assert counted[-1] == 3


def test_the_echo_engine_gives_equal_texts_equal_vectors_of_the_length_1_and_others_others() -> None:
    service = services(EchoEngine(model=model("m")))[EMBEDDINGS]
    first, second, other = (each["embedding"] for each in ask(service, EMBEDDINGS, input=["a", "a", "b"])["data"])
    assert first == second != other
    assert len(first) == DIMENSIONS
    assert sum(each * each for each in first) == pytest.approx(1)
    assert len(ask(service, EMBEDDINGS, dimensions=3)["data"][0]["embedding"]) == 3


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"dimensions": MOST_NUMBERS + 1}, "dimensions"),
    ],
)
def test_texts_that_have_no_vector_are_refused_by_name(fields: Json, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        ask(services(EchoEngine(model=model("m")))[EMBEDDINGS], EMBEDDINGS, **fields)
    assert caught.value.param == param


def test_a_call_that_is_cancelled_ends_the_others() -> None:
    """Of several prompts one fails: nobody waits for the rest."""

    class Fails(EchoEngine):
        async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> Any:
            plan = await super().prepare_text(request, refuse, client)
            if request["prompt"] == "bad":
                plan.size = LONGEST * 100
            return plan

    service = services(Fails(delay=30, model=model("m")))[COMPLETIONS]
    with pytest.raises(BadRequest):
        ask(service, COMPLETIONS, prompt=["good good", "bad"])
