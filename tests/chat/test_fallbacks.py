"""Another model answers where one cannot for the moment: before the first byte only, and it says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.accounts import Account, Client
from app.chat.limiter import Bounds, Limiters
from app.chat.service import Chat
from app.configuration.building import Built
from app.engines.base import Delta, Engine, Model
from app.engines.echo import MODEL, EchoEngine
from app.engines.registry import Registry
from app.errors import (
    ApiError,
    BadRequest,
    ContextLengthExceeded,
    EngineUnavailable,
    ModelNotFound,
    RateLimited,
    ServerError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
)
from app.settings import Settings
from app.wiring import wire

from ..web.inprocess import BEARER, KEY
from .scripted_engine import ScriptedEngine, ScriptedPlan


def failing(model: Model, error: ApiError, after: int = 0) -> ScriptedEngine:
    """An engine whose plans fail, after some deltas."""
    return ScriptedEngine(model, plan=ScriptedPlan(lambda choice: [*[Delta(0, {"content": "x"})] * after, error]))


def model(name: str, *fallbacks: str, **fields: Any) -> Model:
    return replace(MODEL, id=name, fallbacks=fallbacks, **fields)


def ask(engines: Sequence[Engine], limiters: Limiters | None = None, **fields: Any) -> httpx.Response:
    app = wire(Settings(api_keys=(KEY,)), built=Built(Registry(engines), (), limiters or Limiters(), frozenset()))

    async def send() -> httpx.Response:
        body = {"model": "first", "messages": [{"role": "user", "content": "Hello there"}], **fields}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as client:
            return await client.post("/v1/chat/completions", json=body, headers=BEARER)

    return asyncio.run(send())


def events(response: httpx.Response) -> list[Any]:
    data = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [json.loads(text) for text in data[:-1]]


OF_THE_MOMENT = [
    RateLimited("x"),
    EngineUnavailable("x"),
    UpstreamFailed("x"),
    UpstreamTimeout("x"),
]
OF_THE_REQUEST = [
    BadRequest("x", code="invalid_value"),
    ContextLengthExceeded("x"),
    UpstreamRefused(413, {"message": "x"}),
    ServerError("x"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("error", OF_THE_MOMENT, ids=lambda error: type(error).__name__)
def test_a_model_that_cannot_answer_for_the_moment_is_stood_in_for_and_header_and_answer_say_by_whom(
    error: ApiError, stream: bool
) -> None:
    response = ask([failing(model("first", "second"), error), EchoEngine(model=model("second"))], stream=stream)
    assert response.status_code == 200
    assert response.headers["x-fallback-model"] == "second"
    answers = events(response) if stream else [response.json()]
    assert {answer["model"] for answer in answers} == {"second"}
    assert "there" in response.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("error", OF_THE_REQUEST, ids=lambda error: type(error).__name__)
def test_what_is_wrong_with_the_request_or_with_us_is_not_asked_of_another_model(error: ApiError, stream: bool) -> None:
    response = ask([failing(model("first", "second"), error), EchoEngine(model=model("second"))], stream=stream)
    assert response.status_code == error.status
    assert "x-fallback-model" not in response.headers


def test_without_a_fallback_the_failure_is_the_answer() -> None:
    response = ask([failing(model("first"), RateLimited("x", retry_after=7)), EchoEngine(model=model("second"))])
    assert response.status_code == 429
    assert response.headers["retry-after"] == "7"


def test_a_stream_that_has_begun_is_not_begun_anew_by_another_model() -> None:
    engines: list[Engine] = [
        failing(model("first", "second"), EngineUnavailable("x"), after=1),
        EchoEngine(model=model("second")),
    ]
    response = ask(engines, stream=True)
    assert response.status_code == 200
    assert "x-fallback-model" not in response.headers
    *chunks, last = events(response)
    assert {chunk["model"] for chunk in chunks} == {"first"}
    assert last["error"]["code"] == "engine_unavailable"


@pytest.mark.parametrize("stream", [False, True])
def test_fallbacks_are_tried_in_their_order_and_the_failure_of_the_model_asked_is_told_when_none_can(
    stream: bool,
) -> None:
    asked = failing(model("first", "second", "third"), RateLimited("x", retry_after=9))
    second, third = failing(model("second", "first"), UpstreamTimeout("x")), failing(model("third"), BadRequest("x"))
    response = ask([asked, second, third], stream=stream)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "9"
    assert response.json()["error"]["code"] == "rate_limit_exceeded"
    # What the second one falls back to is for those who ask it.
    assert [len(engine.asked) for engine in (asked, second, third)] == [1, 1, 1]


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_would_refuse_the_request_is_passed_over(stream: bool) -> None:
    away = failing(model("first", "deaf", "lenient"), EngineUnavailable("x"))
    deaf = EchoEngine(model=model("deaf", capabilities=frozenset()))
    lenient = EchoEngine(model=model("lenient", capabilities=frozenset(), unsupported="warn"))
    response = ask([away, deaf, lenient], temperature=0.5, stream=stream)
    assert response.status_code == 200
    assert response.headers["x-fallback-model"] == "lenient"
    assert response.headers["x-unsupported-parameters"] == "temperature"
    assert ask([away, deaf, lenient], temperature=1, stream=stream).headers["x-fallback-model"] == "deaf"


def test_a_model_that_has_too_much_to_do_is_stood_in_for_too() -> None:
    limiters = Limiters(Bounds(), {"first": Bounds(in_flight=1, waiting=0, wait=1)})
    engines = [EchoEngine(model=model("first", "second")), EchoEngine(model=model("second"))]

    async def hold() -> httpx.Response:
        async with limiters.of("first").permit():
            return await asyncio.to_thread(ask, engines, limiters)

    response = asyncio.run(hold())
    assert response.status_code == 200
    assert response.headers["x-fallback-model"] == "second"
    assert limiters.of("second").taken == 0


def test_several_choices_come_from_one_model() -> None:
    response = ask([failing(model("first", "second"), UpstreamFailed("x")), EchoEngine(model=model("second"))], n=3)
    assert len(response.json()["choices"]) == 3
    assert response.headers["x-fallback-model"] == "second"


def test_an_alias_leads_to_its_model_which_the_answer_names() -> None:
    engines = [EchoEngine(model=model("real", aliases=("first", "gpt-4o")))]
    assert ask(engines).json()["model"] == "real"
    assert ask(engines, model="gpt-4o", stream=True).text.count('"model":"real"') > 1
    refused = ask(engines, model="gpt-5")
    assert refused.status_code == 404
    assert refused.json()["error"]["message"].endswith("It serves: 'real', 'first', 'gpt-4o'.")


def test_while_no_model_is_known_yet_there_is_503_and_not_404() -> None:
    unknown = EchoEngine()
    unknown.models = ()
    response = ask([unknown])
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


def by_capability(name: str, *fallbacks: str, lacks: str = "seed", **fields: Any) -> Model:
    capabilities = MODEL.capabilities | {"sampling", "seed", "verbosity"}
    return model(name, *fallbacks, fallbacks_by_capability=True, capabilities=capabilities - {lacks}, **fields)


@pytest.mark.parametrize("policy", ["refuse", "warn"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_fallback_answers_what_a_model_cannot_honour_where_the_operator_says_so(stream: bool, policy: str) -> None:
    first = ScriptedEngine(by_capability("first", "second", "third", unsupported=policy))
    second = ScriptedEngine(model("second", capabilities=frozenset()))
    third = ScriptedEngine(by_capability("third", lacks="verbosity"))
    response = ask([first, second, third], stream=stream, seed=7)
    assert response.status_code == 200
    assert response.headers["x-fallback-model"] == "third"
    assert "x-unsupported-parameters" not in response.headers
    assert [len(engine.asked) for engine in (first, second, third)] == [0, 0, 1]
    assert third.asked[0]["seed"] == 7


def test_a_model_that_honours_all_is_asked_itself() -> None:
    first, second = ScriptedEngine(by_capability("first", "second")), ScriptedEngine(by_capability("second", lacks=""))
    response = ask([first, second], temperature=0.5)
    assert (response.status_code, len(first.asked), len(second.asked)) == (200, 1, 0)


def test_what_no_fallback_honours_is_refused_as_by_the_model_that_was_asked() -> None:
    first, second = ScriptedEngine(by_capability("first", "second")), ScriptedEngine(model("second"))
    response = ask([first, second], seed=7, verbosity="low")
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "seed"
    assert (first.asked, second.asked) == ([], [])


def test_without_the_operators_word_no_fallback_answers_for_a_parameter() -> None:
    first = ScriptedEngine(replace(by_capability("first", "second"), fallbacks_by_capability=False))
    response = ask([first, ScriptedEngine(by_capability("second", lacks=""))], seed=7)
    assert response.status_code == 400
    assert "x-fallback-model" not in response.headers


def test_what_the_engine_alone_finds_out_that_it_cannot_honour_goes_to_a_fallback_too() -> None:
    first = ScriptedEngine(by_capability("first", "second"), lacks=["temperature"])
    second = ScriptedEngine(by_capability("second"))
    response = ask([first, second], temperature=0.5)
    assert (response.status_code, response.headers["x-fallback-model"]) == (200, "second")


def test_the_fallbacks_after_one_that_stands_in_for_a_parameter_are_those_of_the_model_asked() -> None:
    first = ScriptedEngine(by_capability("first", "second", "third"))
    second = failing(by_capability("second", "fourth", lacks=""), EngineUnavailable("x"))
    third, fourth = ScriptedEngine(by_capability("third", lacks="")), ScriptedEngine(by_capability("fourth", lacks=""))
    response = ask([first, second, third, fourth], seed=7)
    assert response.headers["x-fallback-model"] == "third"
    assert fourth.asked == []


@pytest.mark.parametrize("because", ["away", "unable"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_the_key_may_not_use_is_passed_over(stream: bool, because: str) -> None:
    first = model("first", "secret", "open", fallbacks_by_capability=because == "unable", capabilities=frozenset())
    engines: list[Engine] = [failing(first, EngineUnavailable("x")) if because == "away" else EchoEngine(model=first)]
    chat = Chat(Registry([*engines, EchoEngine(model=model("secret")), EchoEngine(model=model("open"))]))
    more = {"temperature": 0.5} if because == "unable" else {}
    body = {"model": "first", "messages": [{"role": "user", "content": "Hello"}], **more}

    async def answers(client: Client) -> set[str]:
        call = await chat.begin(body, {}, Account(client))
        if stream:
            return {chunk["model"] async for chunk in chat.stream(call)}
        return {(await chat.complete(call))["model"]}

    assert asyncio.run(answers(Client("k"))) == {"secret"}
    assert asyncio.run(answers(Client("k", models=frozenset({"first", "open"})))) == {"open"}
    with pytest.raises(ApiError) as caught:
        asyncio.run(answers(Client("k", models=frozenset({"first"}))))
    assert caught.value.status == (503 if because == "away" else 400)


def test_a_key_is_told_of_no_other_models_if_its_own_is_gone_once_its_servers_are_known() -> None:
    engine = EchoEngine()

    async def meet() -> None:
        engine.models = (model("secret"),)

    engine.models = (replace(model("first"), meet=meet), model("secret"))
    with pytest.raises(ModelNotFound) as caught:
        asyncio.run(Chat(engine).meet("first", Account(Client("k", models=frozenset({"first"})))))
    assert "secret" not in caught.value.message
