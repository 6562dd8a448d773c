"""An upstream that says itself which models it has is asked until it does; then they are known."""

from __future__ import annotations

import asyncio
import logging
import sys
from types import FrameType
from typing import Any

import pytest

from app.chat.service import Chat
from app.engines import discovery
from app.engines.auto import AutoEngine
from app.engines.base import Model
from app.engines.dialects.dialect import UpstreamModel
from app.engines.discovery import DiscoveringEngine
from app.engines.recognition import Recognition
from app.engines.registry import Registry
from app.engines.transport.options import UpstreamOptions
from app.engines.transport.replica import Replica
from app.engines.transport.replicas import Replicas
from app.engines.upstream import UpstreamEngine, list_upstream_models
from app.errors import EngineUnavailable, UpstreamFailed
from app.jsontypes import Json

from ..patience import PATIENCE
from .asking import prepare
from .chunks import completion
from .scripted_replicas import ScriptedReplicas

TWO: Json = {"data": [{"id": "a", "max_model_len": 4096}, {"id": "b", "created": 5, "owned_by": "vllm"}]}
REQUEST: Json = {"model": "a", "messages": [{"role": "user", "content": "Hello!"}]}


class Telling(ScriptedReplicas):
    """Tells its models as the answers say, in turn, the last one for ever; knows whether it was started and closed."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(completion())
        self.answers = list(answers)
        self.past: list[str] = []

    async def start(self) -> None:
        self.past.append("start")

    async def close(self) -> None:
        self.past.append("close")

    async def get(self, path: str) -> bytes:
        self.past.append(path)
        self.answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return self._told()


class Pauses:
    """In the place of sleep: notes how long it would be, and lets others go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds: list[float] = []
        self._sleep = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await self._sleep(0)

    async def settle(self) -> None:
        for _ in range(60):
            await self._sleep(0)


def ids(discovering: DiscoveringEngine) -> list[str]:
    return [model.id for model in discovering.models]


def engine(replicas: Telling, closed: list[str] | None = None) -> DiscoveringEngine:
    class Relay(UpstreamEngine):
        async def close(self) -> None:
            (closed if closed is not None else []).append(self.models[0].id)

    def relay(model: Model, way: Replicas, recognition: Recognition | None) -> UpstreamEngine:
        assert recognition is None
        assert way is replicas
        return Relay(UpstreamModel(model, model.id), "vllm", way)

    return DiscoveringEngine(lambda: replicas, relay, "vllm")


def test_an_upstream_is_asked_again_with_growing_pauses_until_it_tells(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    silent = [EngineUnavailable("away"), {"data": []}, RuntimeError("a fault of ours"), {"data": 7}, b"<html>"]

    async def test() -> None:
        pauses = Pauses(monkeypatch)
        replicas = Telling(*silent, *silent, TWO)
        discovering = engine(replicas)
        await discovering.start()
        assert discovering.models == ()
        assert not await discovering.ready()
        with pytest.raises(EngineUnavailable):
            await prepare(discovering, REQUEST)
        await pauses.settle()
        assert ids(discovering) == ["a", "b"]
        assert await discovering.ready()
        assert pauses.seconds == [0.5, 1, 2, 4, 8, *[15] * 5]
        assert replicas.past == ["start", *["/models"] * 11]
        await discovering.close()

    with caplog.at_level(logging.INFO, "parley"):
        asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_a_started_engine_knows_the_models_of_an_upstream_that_is_there() -> None:
    async def test() -> None:
        discovering = engine(Telling(TWO))
        await discovering.start()
        assert ids(discovering) == ["a", "b"]
        await discovering.close()

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_one_that_does_not_answer_does_not_hold_the_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_FIRST_ANSWER", 0.01)

    async def silence(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(discovery, "list_upstream_models", silence)

    async def test() -> None:
        discovering = engine(Telling(TWO))
        await discovering.start()
        assert ids(discovering) == []
        await discovering.close()

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_a_request_goes_to_the_engine_of_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        pauses = Pauses(monkeypatch)
        replicas = Telling(TWO)
        discovering = engine(replicas)
        await discovering.start()
        await pauses.settle()
        plan = await prepare(discovering, REQUEST)
        replicas.answer = completion()
        assert (await plan.complete()).choices[0].message["content"] == "Hi."
        assert replicas.asked[0]["model"] == "a"
        with pytest.raises(EngineUnavailable):
            await prepare(discovering, {**REQUEST, "model": "c"})
        await discovering.close()

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


class Known(Telling):
    """Its server is known by its host, without being asked."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(*answers)
        self.options = UpstreamOptions(name="m", base_urls=("https://api.openai.com/v1",))
        self._replicas = [Replica(self.options, 0)]


@pytest.mark.parametrize("dialect", ["vllm", "auto"])
def test_the_work_for_a_request_does_not_grow_with_the_number_of_models(
    monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    def relay(model: Model, way: Replicas, recognition: Recognition | None) -> UpstreamEngine | AutoEngine:
        upstream = UpstreamModel(model, model.id)
        if recognition is None:
            return UpstreamEngine(upstream, dialect, way)
        return AutoEngine(lambda *_: upstream, lambda *_: True, way, recognition)

    async def calls_of(number: int) -> int:
        """Return the calls of functions, of Python's and others, that a request makes until it is sent."""
        pauses = Pauses(monkeypatch)
        replicas = Known({"data": [{"id": f"m{index}"} for index in range(number)]})
        discovering = DiscoveringEngine(lambda: replicas, relay, dialect)
        chat = Chat(Registry([discovering]))
        await discovering.start()
        await pauses.settle()
        body = {**REQUEST, "model": f"m{number - 1}"}
        calls = 0

        def count(frame: FrameType, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        for profile in (None, count):  # the first request has things made that are kept
            sys.setprofile(profile)
            try:
                call = await chat.begin(body, {})
                await chat.engine.prepare(call.request, call.refuse)
            finally:
                sys.setprofile(None)
            assert call.model.id == body["model"]
        await discovering.close()
        return calls

    async def test() -> None:
        few, many = await calls_of(5), await calls_of(200)
        assert 0 < few == many

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_closing_ends_the_asking_and_closes_what_was_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        pauses = Pauses(monkeypatch)
        asking = Telling(EngineUnavailable("away"))
        discovering = engine(asking)
        await discovering.close()
        assert asking.past == [], "safe without a start"
        await discovering.start()
        await pauses.settle()
        await discovering.close()
        questions = len(asking.past)
        await pauses.settle()
        assert len(asking.past) == questions
        assert asking.past[-1] == "close"
        closed: list[str] = []
        discovering = engine(Telling(TWO), closed)
        await discovering.start()
        await pauses.settle()
        await discovering.close()
        assert closed == ["a", "b"]
        assert discovering.models == ()
        assert not await discovering.ready()

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


@pytest.mark.parametrize(
    "listed", [{}, {"data": {}}, {"data": []}, {"data": [7, {}, {"id": ""}, {"id": 7}]}, [], b"x"], ids=str
)
def test_a_list_without_models_is_a_failure(listed: Any) -> None:
    with pytest.raises(UpstreamFailed):
        asyncio.run(list_upstream_models(Telling(listed)))


def test_what_a_list_does_not_tell_of_a_model_has_a_value_all_the_same() -> None:
    odd = {"id": "c", "created": "now", "owned_by": "", "max_model_len": "long", "meta": {"n_ctx_train": 77}}
    a, b, c = asyncio.run(list_upstream_models(Telling({"data": [*TWO["data"], odd]}), "vllm"))
    assert (a.id, a.context_length, a.owned_by) == ("a", 4096, "upstream")
    assert (b.created, b.owned_by) == (5, "vllm")
    assert (c.owned_by, c.context_length) == ("upstream", 77)
    assert isinstance(c.created, int)
    assert a.foreign
