"""A limiter admits so many, lets so many wait, keys in turn, and refuses all others at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.chat.limiter import Bounds, ConcurrencyLimiter, Limiters
from app.errors import Overloaded

from ..patience import PATIENCE


def run(test: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await test()

    return asyncio.run(bounded())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Visitor:
    """Holds permits until it is let go."""

    def __init__(self, limiter: ConcurrencyLimiter, permits: int = 1, order: list[int] | None = None) -> None:
        self.leave = asyncio.Event()
        self.inside = False
        self.task = asyncio.create_task(self._visit(limiter, permits, order))

    async def _visit(self, limiter: ConcurrencyLimiter, permits: int, order: list[int] | None) -> None:
        async with limiter.permit(permits):
            self.inside = True
            if order is not None:
                order.append(permits)
            await self.leave.wait()

    async def go(self) -> None:
        self.leave.set()
        await self.task
        await settle()


def test_beyond_its_bounds_a_limiter_refuses_at_once_and_says_when_to_come_again() -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds(in_flight=2, waiting=1, wait=60))
        inside = [Visitor(limiter) for _ in range(2)]
        await settle()
        waiting = Visitor(limiter)
        await settle()
        assert [visitor.inside for visitor in (*inside, waiting)] == [True, True, False]
        with pytest.raises(Overloaded) as caught:
            async with limiter.permit():
                pass
        assert caught.value.status == 503
        assert caught.value.code == "overloaded"
        assert 1 <= int(caught.value.headers["retry-after"]) <= 60
        await inside[0].go()
        assert waiting.inside
        await inside[1].go()
        await waiting.go()
        assert limiter.taken == limiter.waiting == 0

    run(test)


def test_who_waits_is_admitted_in_the_order_of_arrival_whatever_others_want() -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds(in_flight=4, waiting=10, wait=60))
        first = Visitor(limiter, 3)
        order: list[int] = []
        await settle()
        visitors = []
        for permits in (2, 1, 3):
            visitors.append(Visitor(limiter, permits, order))
            await settle()
        assert order == [], "one place is free, but the first in the queue wants two"
        await first.go()
        assert order == [2, 1]
        for visitor in visitors:
            await visitor.go()
        assert order == [2, 1, 3]
        assert limiter.taken == limiter.waiting == 0

    run(test)


def test_a_request_for_more_choices_than_there_are_places_takes_all() -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds(in_flight=4, waiting=0, wait=60))
        async with limiter.permit(100):
            assert limiter.taken == 4
            with pytest.raises(Overloaded):
                async with limiter.permit():
                    pass
        assert limiter.taken == 0

    run(test)


def test_who_leaves_while_waiting_gives_the_place_in_the_queue_back() -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds(in_flight=1, waiting=2, wait=60))
        first = Visitor(limiter)
        await settle()
        gone, patient = Visitor(limiter), Visitor(limiter)
        await settle()
        gone.task.cancel()
        await settle()
        assert limiter.waiting == 1
        await first.go()
        assert patient.inside
        assert not gone.inside
        await patient.go()
        assert limiter.taken == limiter.waiting == 0

    run(test)


@pytest.mark.parametrize("leaves_first", [True, False])
def test_who_leaves_in_the_moment_of_being_admitted_loses_no_place(leaves_first: bool) -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds(in_flight=1, waiting=2, wait=60))
        first = Visitor(limiter)
        await settle()
        gone, patient = Visitor(limiter), Visitor(limiter)
        await settle()
        # Both in the same turn of the loop, in either order.
        if leaves_first:
            gone.task.cancel()
            first.task.cancel()
        else:
            first.task.cancel()
            await asyncio.sleep(0)
            gone.task.cancel()
        await settle()
        assert patient.inside
        await patient.go()
        assert limiter.taken == limiter.waiting == 0

    run(test)


def test_who_waits_behind_one_that_wants_more_moves_up_when_that_one_leaves() -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds(in_flight=2, waiting=2, wait=60))
        first = Visitor(limiter)
        await settle()
        greedy, modest = Visitor(limiter, 2), Visitor(limiter)
        await settle()
        greedy.task.cancel()
        await settle()
        assert modest.inside
        await first.go()
        await modest.go()

    run(test)


def test_a_client_with_one_request_is_admitted_before_the_second_of_one_with_many() -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds(in_flight=1, waiting=3, wait=60))
        order: list[str] = []

        async def ask(client: str) -> None:
            async with limiter.permit(client=client):
                order.append(client)

        async with asyncio.TaskGroup() as tasks, limiter.permit(client="greedy"):
            for client in ("greedy", "greedy", "modest"):
                tasks.create_task(ask(client))
                await settle()
        assert order == ["greedy", "modest", "greedy"]

    run(test)


def test_a_request_of_another_client_takes_the_place_to_wait_of_the_newest_of_one_with_many() -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds(in_flight=1, waiting=2, wait=60))

        async def ask(client: str) -> str:
            async with limiter.permit(client=client):
                return client

        async with limiter.permit(client="greedy"):
            asked = [asyncio.create_task(ask(client)) for client in ("greedy", "greedy", "modest")]
            await settle()
            with pytest.raises(Overloaded) as caught:
                await asked[1]
            assert caught.value.code == "overloaded"
        assert (await asked[0], await asked[2]) == ("greedy", "modest")

    run(test)


def test_waiting_ends_after_a_time_with_the_same_refusal() -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds(in_flight=1, waiting=2, wait=0.02))
        first = Visitor(limiter)
        await settle()
        with pytest.raises(Overloaded, match="waited too long"):
            async with limiter.permit():
                pass
        assert limiter.waiting == 0
        await first.go()
        assert limiter.taken == 0

    run(test)


def test_without_a_bound_all_are_admitted() -> None:
    async def test() -> None:
        limiter = ConcurrencyLimiter(Bounds())
        async with AsyncExitStack() as stack:
            for _ in range(1000):
                await stack.enter_async_context(limiter.permit(128))

    run(test)


def test_each_model_has_a_limiter_of_its_own() -> None:
    limiters = Limiters(Bounds(1), {"a": Bounds(2)})
    assert limiters.of("a") is limiters.of("a")
    assert (limiters.of("a").bounds.in_flight, limiters.of("b").bounds.in_flight) == (2, 1)
    assert limiters.of("b") is not limiters.of("c")
