"""Conversations with a key keep their slot of llama.cpp, and nobody else reads what was read there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engines.base import Model
from app.engines.llama.engine import LlamaEngine
from app.errors import ContextLengthExceeded
from app.jsontypes import Json
from app.model_process.address import SLOTS_SUFFIX
from app.model_process.child import ChildOptions
from app.model_process.slots import SlotRequest, Slots, slot_request
from app.model_process.supervisor import Supervision

from ..patience import PATIENCE, wait_until
from .asking import complete, stream
from .conftest import BUNDLED, ENDLESS, supervised

SLOTS = 2
CONTEXT = 1024


def _messages(word: str) -> list[Json]:
    return [{"role": "user", "content": f"{word} and nothing but {word}. " * 12}]


def _request(word: str, key: str | None = None, **more: Any) -> Json:
    named = {} if key is None else {"prompt_cache_key": key}
    return {"messages": _messages(word), "max_tokens": 2, "temperature": 0, **named, **more}


def _owner(key: str) -> SlotRequest:
    return slot_request(_request("x", key))


@pytest.fixture(scope="module")
def two_slots() -> Iterator[Supervision]:
    with supervised(ChildOptions(model=str(BUNDLED), context_length=CONTEXT, slots=SLOTS)) as running:
        yield running


def _use(supervision: Supervision, use: Callable[[LlamaEngine], Awaitable[Any]]) -> Any:
    model = Model(id="parley-tiny", created=0, owned_by="parley", fingerprint="fp_test")
    address = (supervision.socket, supervision.key)
    engine = LlamaEngine(model, context_length=CONTEXT, address=lambda: address, slots=SLOTS)
    Path(supervision.socket + SLOTS_SUFFIX).unlink(missing_ok=True)

    async def run() -> Any:
        await engine.start()
        try:
            return await asyncio.wait_for(use(engine), PATIENCE)
        finally:
            await engine.close()

    return asyncio.run(run())


async def _cached(engine: LlamaEngine, request: Json) -> int:
    usage = (await complete(engine, request))["usage"]
    cached: int = usage["prompt_tokens_details"]["cached_tokens"]
    assert cached < usage["prompt_tokens"]
    return cached


@pytest.mark.live
def test_with_a_key_a_conversation_is_still_known_after_others_ran(two_slots: Supervision) -> None:
    async def use(engine: LlamaEngine) -> tuple[list[int], list[int]]:
        found = []
        for key in ("mine", None):
            first = await _cached(engine, _request("apple", key))
            for other in ("pear", "plum", "fig"):
                await complete(engine, _request(other))
            found.append([first, await _cached(engine, _request("apple", key))])
        return found[0], found[1]

    with_key, without = _use(two_slots, use)
    assert with_key[0] == 0
    assert with_key[1] > 80
    # Without one the next conversations took its place; what they share with it is the frame of a message.
    assert without[1] < 10


@pytest.mark.live
def test_a_conversation_that_goes_on_is_known_up_to_its_last_answer(two_slots: Supervision) -> None:
    async def use(engine: LlamaEngine) -> tuple[int, int]:
        begun = _request("apple", "mine")
        answer = await complete(engine, begun)
        await complete(engine, _request("pear"))
        said = {"role": "assistant", "content": answer["choices"][0]["message"]["content"]}
        going_on = [*begun["messages"], said, {"role": "user", "content": "Go on."}]
        return answer["usage"]["prompt_tokens"], await _cached(engine, {**begun, "messages": going_on})

    read_before, cached = _use(two_slots, use)
    assert cached >= read_before


@pytest.mark.live
def test_what_was_read_for_a_key_is_made_use_of_for_no_other(two_slots: Supervision) -> None:
    async def use(engine: LlamaEngine) -> list[int]:
        await complete(engine, _request("apple", "mine"))
        return [await _cached(engine, _request("apple", key)) for key in ("yours", None, "theirs")]

    yours, nobodys, theirs = _use(two_slots, use)
    assert (yours, theirs) == (0, 0)
    assert nobodys < 10


@pytest.mark.live
def test_a_request_that_failed_gives_no_right_to_what_its_slot_holds(two_slots: Supervision) -> None:
    async def use(engine: LlamaEngine) -> list[int]:
        for key in ("mine", "also mine"):
            await complete(engine, _request("apple", key))
        too_long = {**_request("x", "yours"), "messages": [{"role": "user", "content": "ab " * CONTEXT}]}
        for _ in range(SLOTS):
            with pytest.raises(ContextLengthExceeded):
                await complete(engine, too_long)
        return [await _cached(engine, _request("apple", key)) for key in ("yours", None)]

    assert _use(two_slots, use) == [0, 0]


@pytest.mark.live
def test_no_request_waits_for_its_slot_while_another_is_free(two_slots: Supervision) -> None:
    async def use(engine: LlamaEngine) -> None:
        first = stream(engine, _request("apple", "mine", **{**ENDLESS, "max_tokens": 900}))
        await anext(first)
        # The first request holds its slot for as long as nobody reads on.
        await complete(engine, _request("apple", "mine"))
        assert (await anext(first))["choices"][0]["finish_reason"] is None
        await first.aclose()

    _use(two_slots, use)


@pytest.mark.live
def test_requests_without_a_key_know_each_others_beginnings(two_slots: Supervision) -> None:
    async def use(engine: LlamaEngine) -> int:
        await complete(engine, _request("apple"))
        return await _cached(engine, _request("apple"))

    assert _use(two_slots, use) > 80


@pytest.mark.live
def test_the_table_goes_with_the_model(two_slots: Supervision) -> None:
    with supervised(ChildOptions(model=str(BUNDLED), context_length=CONTEXT, slots=SLOTS)) as running:
        _use(running, lambda engine: complete(engine, _request("apple")))
        table = Path(running.socket + SLOTS_SUFFIX)
        assert table.stat().st_mode & 0o077 == 0
    wait_until(lambda: not table.parent.exists())


async def _read(slots: Slots, wished: SlotRequest) -> tuple[int, bool]:
    async with slots.acquire(wished) as slot:
        slot.filled = True
        return slot.number, slot.reuse


def test_the_conversations_with_keys_leave_one_slot_to_the_others(tmp_path: Path) -> None:
    async def use() -> list[int]:
        slots = Slots(str(tmp_path / "table"), 3)
        order = [
            _owner("a"),
            _owner("b"),
            _owner("c"),
            _owner("d"),
            SlotRequest(),
            SlotRequest(),
            _owner("d"),
            _owner("c"),
        ]
        return [(await _read(slots, wished))[0] for wished in order]

    a, b, c, d, free, free_again, d_again, c_again = asyncio.run(use())
    assert len({a, b, free}) == 3
    assert (c, d) == (a, b), "the longest unused make room"
    assert (free_again, d_again, c_again) == (free, d, c)


def test_when_all_slots_are_taken_a_request_waits_for_the_first_that_is_left(tmp_path: Path) -> None:
    async def use() -> list[str]:
        slots = Slots(str(tmp_path / "table"), 1)
        told: list[str] = []

        async def one(name: str) -> None:
            async with slots.acquire(_owner(name)):
                told.append(f"{name} begins")
                await asyncio.sleep(0)
                told.append(f"{name} ends")

        await asyncio.gather(*(one(name) for name in "abc"))
        return told

    assert asyncio.run(use()) == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


_OTHER_WORKER = """
import asyncio, sys
from app.model_process.slots import SlotRequest, Slots

async def hold():
    async with Slots(sys.argv[1], 2).acquire(SlotRequest(b"k" * 16)) as slot:
        slot.filled = True
        print(slot.number, flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""


@pytest.mark.live
def test_workers_take_different_slots_and_one_that_died_holds_none(tmp_path: Path) -> None:
    table = str(tmp_path / "table")
    other = subprocess.Popen(
        [sys.executable, "-c", _OTHER_WORKER, table], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdin is not None
    try:
        theirs = int(other.stdout.readline())
        ours = asyncio.run(_read_once(table))
        assert ours[0] != theirs
    finally:
        other.kill()
        other.wait()
        other.stdin.close()
        other.stdout.close()
    assert asyncio.run(_read_both(table)) == {0, 1}


async def _read_once(table: str) -> tuple[int, bool]:
    return await _read(Slots(table, 2), SlotRequest(b"k" * 16))


async def _read_both(table: str) -> set[int]:
    slots = Slots(table, 2)
    async with slots.acquire(SlotRequest()) as one, slots.acquire(SlotRequest()) as other:
        return {one.number, other.number}
