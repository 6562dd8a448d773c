"""Keys take turns, however much one of them has waiting; where not all may wait, the one with the most gives way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.fairness import FairQueue, FairSemaphore, Full

from .patience import little_work


def queue_of(*items: str) -> FairQueue[str]:
    """Items whose first letter is their key."""
    queue: FairQueue[str] = FairQueue()
    for item in items:
        queue.append(item[0], item)
    return queue


def emptied(queue: FairQueue[str]) -> list[str]:
    return [queue.pop() for _ in range(len(queue))]


def run(test: Callable[[], Awaitable[Any]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(bounded())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Visitors:
    """Those who want a place, by name; the first letter is the key. ``inside`` are those who have one."""

    def __init__(self, semaphore: FairSemaphore) -> None:
        self.inside: list[str] = []
        self._semaphore = semaphore
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: dict[str, asyncio.Event] = {}

    async def come(self, *names: str) -> None:
        for name in names:
            self._leaving[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._visit(name))
            await settle()

    async def _visit(self, name: str) -> None:
        async with self._semaphore.hold(name[0]):
            self.inside.append(name)
            await self._leaving[name].wait()
        self.inside.remove(name)

    async def leave(self, *names: str) -> None:
        for name in names:
            self._leaving[name].set()
            await self._tasks[name]
            await settle()

    def cancel(self, name: str) -> None:
        self._tasks[name].cancel()

    async def is_refused(self, name: str) -> bool:
        await settle()
        return self._tasks[name].done() and isinstance(self._tasks[name].exception(), Full)


def test_a_key_with_a_thousand_items_does_not_keep_out_one_with_a_single_item() -> None:
    queue = queue_of(*(f"a{number}" for number in range(1000)), "b")
    assert [queue.pop() for _ in range(3)] == ["a0", "b", "a1"]
    assert len(queue) == 998


def test_keys_take_turns_and_the_items_of_each_keep_their_order() -> None:
    assert emptied(queue_of("a1", "a2", "a3", "b1", "b2", "c1")) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_key_that_comes_again_joins_the_end_of_the_round() -> None:
    queue = queue_of("a1", "a2", "b1", "b2")
    assert queue.pop() == "a1"
    queue.append("c", "c1")
    queue.append("a", "a3")
    assert emptied(queue) == ["b1", "a2", "c1", "b2", "a3"]


def test_what_is_taken_out_of_the_middle_changes_no_other_turn() -> None:
    queue = queue_of("a1", "a2", "b1", "c1")
    queue.remove("b", "b1")
    queue.remove("b", "b1")
    queue.remove("a", "a9")
    assert len(queue) == 3
    assert emptied(queue) == ["a1", "c1", "a2"]


def test_what_leaves_from_the_end_of_a_long_queue_takes_little_work() -> None:
    items = [f"a{number}" for number in range(100_000)]
    queue = queue_of(*items)
    with little_work(10.0):
        for item in reversed(items):
            queue.remove("a", item)
    assert len(queue) == 0


@pytest.mark.parametrize(
    ("waiting", "key", "displaced"),
    [
        ([], "a", None),
        (["a1", "a2", "a3"], "a", None),  # nobody else waits
        (["a1", "a2", "a3"], "b", "a3"),
        (["a1", "a2", "b1", "b2", "b3"], "c", "b3"),
        (["a1", "a2", "a3", "b1"], "b", "a3"),
        (["a1", "a2", "b1"], "b", None),  # it would have more than the other
        (["a1", "b1"], "c", None),
    ],
)
def test_room_is_made_by_the_newest_item_of_the_key_with_the_most(
    waiting: list[str], key: str, displaced: str | None
) -> None:
    queue = queue_of(*waiting)
    assert queue.displace(key) == displaced
    assert sorted(emptied(queue)) == [item for item in waiting if item != displaced]


def test_a_single_request_gets_the_next_place_but_one_whatever_others_have_waiting() -> None:
    async def test() -> None:
        visitors = Visitors(FairSemaphore(1))
        await visitors.come("a0", "a1", "a2", "a3", "b1")
        await visitors.leave("a0")
        assert visitors.inside == ["a1"]
        await visitors.leave("a1")
        assert visitors.inside == ["b1"]
        await visitors.leave("b1", "a2", "a3")

    run(test)


def test_where_no_more_may_wait_the_newest_of_the_key_with_the_most_is_refused_for_another_key() -> None:
    async def test() -> None:
        semaphore = FairSemaphore(1, most_waiting=4)
        visitors = Visitors(semaphore)
        await visitors.come("a0", "a1", "a2", "a3", "a4", "a5")
        assert await visitors.is_refused("a5"), "no other key waits, and the places are taken"
        await visitors.come("b1", "b2", "b3")
        assert await visitors.is_refused("a4")
        assert await visitors.is_refused("a3")
        assert await visitors.is_refused("b3"), "each key has its half"
        assert semaphore.waiting == 4
        for name in ("a0", "a1", "b1", "a2", "b2"):
            assert visitors.inside == [name]
            await visitors.leave(name)
        assert semaphore.taken == semaphore.waiting == 0

    run(test)


def test_one_key_alone_may_have_all_places_to_wait() -> None:
    async def test() -> None:
        semaphore = FairSemaphore(1, most_waiting=100)
        visitors = Visitors(semaphore)
        names = [f"a{number}" for number in range(101)]
        await visitors.come(*names)
        assert semaphore.waiting == 100
        await visitors.leave(*names)

    run(test)


def test_who_is_displaced_in_the_moment_of_leaving_leaves() -> None:
    async def test() -> None:
        semaphore = FairSemaphore(1, most_waiting=2)
        visitors = Visitors(semaphore)
        await visitors.come("a0", "a1", "a2")
        visitors.cancel("a2")
        await visitors.come("b1")
        assert visitors.inside == ["a0"]
        await visitors.leave("a0", "a1", "b1")
        assert semaphore.taken == semaphore.waiting == 0

    run(test)


@pytest.mark.parametrize("admitted", [True, False])
def test_who_leaves_loses_no_place(admitted: bool) -> None:
    async def test() -> None:
        semaphore = FairSemaphore(1)
        visitors = Visitors(semaphore)
        await visitors.come("a0", "b1", "c1")
        if admitted:
            semaphore.release()
        visitors.cancel("b1")
        await settle()
        assert visitors.inside == (["a0", "c1"] if admitted else ["a0"])
        assert semaphore.waiting == (0 if admitted else 1)

    run(test)
