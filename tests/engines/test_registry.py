"""Many engines as one: requests go by the model's id; one that fails takes no other with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.engines.base import Refuse
from app.engines.echo import MODEL, EchoEngine, EchoPlan
from app.engines.registry import Registry
from app.errors import ConfigurationError, EngineUnavailable
from app.jsontypes import Json

from ..patience import PATIENCE
from .asking import refuse


class Engine(EchoEngine):
    """An echo that says who it is, and what was done to it."""

    def __init__(self, name: str, *, is_ready: bool | None = True, fails: Exception | None = None) -> None:
        super().__init__(model=replace(MODEL, id=name))
        self.is_ready = is_ready
        self.fails = fails
        self.past: list[str] = []

    async def start(self) -> None:
        self.past.append("start")
        if self.fails is not None:
            raise self.fails

    async def close(self) -> None:
        self.past.append("close")
        if self.fails is not None:
            raise self.fails

    async def ready(self) -> bool:
        if self.is_ready is None:
            await asyncio.sleep(60)
        return bool(self.is_ready)

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> EchoPlan:
        self.past.append("prepare")
        return await super().prepare(request, refuse, client)


def asked(model: str) -> Json:
    return {"model": model, "messages": [{"role": "user", "content": "x"}]}


def test_a_request_is_answered_by_the_engine_of_its_model() -> None:
    async def test() -> None:
        engines = Engine("a"), Engine("b")
        registry = Registry(engines)
        assert [model.id for model in registry.models] == ["a", "b"]
        await registry.prepare(asked("b"), refuse)
        assert [engine.past for engine in engines] == [[], ["prepare"]]
        with pytest.raises(EngineUnavailable):
            await registry.prepare(asked("c"), refuse)

    asyncio.run(test())


def test_a_model_that_an_engine_has_only_later_is_found() -> None:
    async def test() -> None:
        late = Engine("b")
        late.models, known = (), late.models
        registry = Registry([Engine("a"), late])
        assert [model.id for model in registry.models] == ["a"]
        late.models = known
        assert [model.id for model in registry.models] == ["a", "b"]
        assert registry.models is registry.models, "what has not changed is the same value"
        await registry.prepare(asked("b"), refuse)
        assert late.past == ["prepare"]

    asyncio.run(test())


@pytest.mark.parametrize(
    ("states", "ready"),
    [([True, True], True), ([False, True], True), ([None, True], True), ([False, False], False), ([], False)],
)
def test_it_is_ready_as_soon_as_one_model_can_answer(states: list[bool | None], ready: bool) -> None:
    async def test() -> None:
        registry = Registry([Engine(str(index), is_ready=state) for index, state in enumerate(states)])
        async with asyncio.timeout(PATIENCE):
            assert await registry.ready() is ready

    asyncio.run(test())


def test_engines_that_wait_at_their_start_wait_at_the_same_time() -> None:
    async def test() -> None:
        there = asyncio.Event()

        class Waiting(Engine):
            async def start(self) -> None:
                await there.wait()

        class Other(Engine):
            async def start(self) -> None:
                there.set()

        async with asyncio.timeout(PATIENCE):
            await Registry([Waiting("a"), Other("b")]).start()

    asyncio.run(test())


def test_when_one_engine_cannot_be_started_all_are_closed() -> None:
    async def test() -> None:
        good, bad, last = Engine("a"), Engine("b", fails=ConfigurationError("no")), Engine("c")
        with pytest.raises(ConfigurationError):
            await Registry([good, bad, last]).start()
        assert [each.past for each in (good, last)] == [["start", "close"]] * 2

    asyncio.run(test())


def test_all_engines_are_closed_also_when_one_fails_at_it() -> None:
    async def test() -> None:
        bad, good = Engine("a", fails=RuntimeError("no")), Engine("b")
        with pytest.raises(RuntimeError):
            await Registry([bad, good]).close()
        assert good.past == ["close"]

    asyncio.run(test())


def test_texts_and_vectors_are_made_by_the_engine_of_their_model_too() -> None:
    async def test() -> None:
        registry = Registry((Engine("a"), Engine("b")))
        plan = await registry.prepare_text({"model": "b", "prompt": "x y"}, refuse)
        assert (await plan.complete()).choices[0].message["content"] == "x y"
        assert (await registry.embed({"model": "b", "input": ["x y"]}, refuse)).tokens == 2
        with pytest.raises(EngineUnavailable):
            await registry.embed({"model": "c", "input": ["x"]}, refuse)

    asyncio.run(test())
