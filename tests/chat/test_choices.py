"""One plan is asked for each choice: the choices are told apart, counted together, and end together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import repeat
from typing import Any, cast

import pytest

from app.chat import choices
from app.engines.base import Completion, Delta, StreamItem, Usage, usage_of
from app.errors import EngineUnavailable

from ..patience import PATIENCE
from .scripted_engine import ScriptedPlan, Step, answer

Ask = Callable[[ScriptedPlan, int], Awaitable[Any]]


async def whole(plan: ScriptedPlan, n: int) -> Completion:
    return await choices.complete(plan, n)


async def streamed(plan: ScriptedPlan, n: int) -> list[StreamItem]:
    return [delta async for delta in choices.stream(plan, n)]


async def settle() -> None:
    """Let all others go on until they wait for somebody."""
    for _ in range(2000):
        await asyncio.sleep(0)


def usages_of(*usages: Usage | None) -> ScriptedPlan:
    def script(choice: int) -> Iterable[Step]:
        usage = usages[choice]
        yield from answer()[:-1]
        if usage is not None:
            yield {"usage": usage}

    return ScriptedPlan(script)


def usage_told(told: Completion | list[StreamItem]) -> Usage | None:
    facts = told.facts if isinstance(told, Completion) else told[-1]
    return facts.get("usage") if isinstance(facts, dict) else None


def test_each_choice_is_asked_for_by_its_number_and_keeps_it() -> None:
    plan = ScriptedPlan()
    made = asyncio.run(whole(plan, 3))
    assert sorted(plan.begun) == [0, 1, 2]
    assert [(choice.index, choice.message["content"]) for choice in made.choices] == [(0, "a0"), (1, "a1"), (2, "a2")]
    plan = ScriptedPlan()
    deltas = [delta for delta in asyncio.run(streamed(plan, 3)) if isinstance(delta, Delta)]
    assert sorted(plan.begun) == [0, 1, 2]
    assert {(delta.index, delta.message["content"]) for delta in deltas if delta.message} == {
        (0, "a0"),
        (1, "a1"),
        (2, "a2"),
    }
    assert sorted(delta.index for delta in deltas if delta.finish_reason) == [0, 1, 2]


@pytest.mark.parametrize("ask", [whole, streamed])
def test_the_prompt_is_counted_once_and_the_answers_together(ask: Ask) -> None:
    plan = usages_of(usage_of(7, 2, cached=5, reasoning=1), usage_of(7, 3, cached=6, reasoning=2))
    assert usage_told(asyncio.run(cast(Any, ask(plan, 2)))) == usage_of(7, 5, cached=5, reasoning=3)


@pytest.mark.parametrize("ask", [whole, streamed])
def test_a_usage_that_one_choice_does_not_tell_is_not_told(ask: Ask) -> None:
    assert usage_told(asyncio.run(cast(Any, ask(usages_of(usage_of(7, 2), None), 2)))) is None


ODD: list[Any] = [
    {**usage_of(7, 2), "completion_tokens": None},
    {**usage_of(7, 2), "prompt_tokens": "7"},
    {
        **usage_of(7, 2),
        "completion_tokens_details": {**usage_of(7, 2)["completion_tokens_details"], "audio_tokens": []},
    },
]


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_a_usage_that_cannot_be_added_up_is_left_to_the_check_of_the_contract(ask: Ask, odd: Any) -> None:
    for usages in ((odd, usage_of(7, 2)), (usage_of(7, 2), odd)):
        assert usage_told(asyncio.run(cast(Any, ask(usages_of(*usages), 2)))) == odd


def test_details_beyond_the_api_are_those_of_the_first_choice() -> None:
    first, second = cast(Any, usage_of(7, 2)), cast(Any, usage_of(7, 2))
    first["completion_tokens_details"]["theirs"] = [1]
    told = usage_told(asyncio.run(whole(usages_of(first, second), 2)))
    assert told is not None
    assert told["completion_tokens_details"] == first["completion_tokens_details"]


@pytest.mark.parametrize("ask", [whole, streamed])
def test_when_one_choice_fails_the_others_are_ended(ask: Ask) -> None:
    async def test() -> None:
        never = asyncio.Event()
        plan = ScriptedPlan(lambda choice: [EngineUnavailable("gone")] if choice == 1 else [*answer()[:1], never])
        with pytest.raises(EngineUnavailable):
            await ask(plan, 3)
        assert sorted(plan.begun) == [0, 1, 2]
        assert not plan.open

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_closing_the_stream_of_all_ends_each_of_them() -> None:
    async def test() -> None:
        never = asyncio.Event()
        plan = ScriptedPlan(lambda choice: [*answer()[:1], never])
        deltas = choices.stream(plan, 4)
        await anext(deltas)
        assert plan.open == {0, 1, 2, 3}
        await deltas.aclose()
        assert not plan.open

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_cancelling_a_whole_answer_ends_each_choice() -> None:
    async def test() -> None:
        never = asyncio.Event()
        plan = ScriptedPlan(lambda choice: [never])
        task = asyncio.create_task(choices.complete(plan, 2))
        await settle()
        assert plan.open == {0, 1}
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not plan.open

    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_a_slow_reader_makes_the_engine_wait() -> None:
    async def test() -> None:
        plan = ScriptedPlan(lambda choice: repeat(Delta(0, {"content": "a"}), 1000))
        deltas = choices.stream(plan, 2)
        await anext(deltas)
        await settle()
        # What waits for the reader, what it has got, and one in the hands of each choice.
        assert plan.given <= 2 * choices._WAITING + 1 + 2
        await deltas.aclose()

    asyncio.run(test())


def test_a_fact_beside_the_usage_goes_on() -> None:
    plan = ScriptedPlan(lambda choice: [*answer()[:-1], {"usage": usage_of(1, 1), "service_tier": "flex"}])
    facts = [fact for fact in asyncio.run(streamed(plan, 2)) if isinstance(fact, dict)]
    assert facts == [{"service_tier": "flex"}, {"service_tier": "flex"}, {"usage": usage_of(1, 2)}]


@pytest.mark.parametrize("counts", [False, True])
def test_the_usage_of_all_choices_so_far_is_told_where_it_is_asked_for(counts: bool) -> None:
    def script(choice: int) -> Iterable[Step]:
        for made in (1, 2):
            yield {"usage": usage_of(3, made)}
            yield Delta(0, {"content": "a"})
        yield Delta(0, {}, "stop")
        yield {"usage": usage_of(3, 2)}

    async def ask() -> list[StreamItem]:
        return [delta async for delta in choices.stream(ScriptedPlan(script), 2, counts=counts)]

    told = [item["usage"]["completion_tokens"] for item in asyncio.run(ask()) if isinstance(item, dict)]
    assert told[-1] == 4
    assert told == sorted(told)
    assert len(told) > 2 if counts else len(told) == 1
