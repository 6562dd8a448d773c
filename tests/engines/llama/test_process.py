"""The model process hands out its slots, and asks for what does not change only once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from app.engines.llama import process as module
from app.engines.llama.process import ModelProcess
from app.engines.transport.replicas import Events, Explain
from app.errors import ApiError, BadRequest, EngineUnavailable, ServerError
from app.jsontypes import Json
from app.model_process.slots import SlotRequest

from ...patience import PATIENCE
from ..chunks import ROLE, chunk, completion
from ..scripted_replicas import ScriptedReplicas
from .scripted_process import saying

HELLO: Json = {"messages": [{"role": "user", "content": "Hello!"}]}
PICTURE: Json = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]}
OTHER = SlotRequest(b"o" * 16)


class Replicas(ScriptedReplicas):
    """Knows the paths that it was asked for, and answers once ``ready`` is set."""

    def __init__(self, answer: Any = None, events: Any = ()) -> None:
        super().__init__(answer, events)
        self.paths: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def get(self, path: str) -> bytes:
        self.paths.append(path)
        return await super().get(path)

    async def post(self, path: str, body: bytes, *, explain: Explain | None = None, client: str | None = None) -> bytes:
        self.paths.append(path)
        answer = await super().post(path, body, explain=explain)
        await self.go_on.wait()
        return answer

    async def stream(self, path: str, body: bytes, *, client: str | None = None) -> AsyncGenerator[Events, None]:
        self.paths.append(path)
        async for events in super().stream(path, body):
            await self.go_on.wait()
            yield events


Started = Callable[..., ModelProcess]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Started:
    """A process on replicas; start it on the loop that uses it."""

    def make(replicas: Replicas, **options: Any) -> ModelProcess:
        monkeypatch.setattr(module, "Replicas", lambda *_, **__: replicas)
        return ModelProcess(lambda: (str(tmp_path / "s.sock"), "k"), **options)

    return make


def run(test: Any) -> Any:
    return asyncio.run(asyncio.wait_for(test, PATIENCE))


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def events(process: ModelProcess, payload: Json = HELLO, asked: SlotRequest | None = None) -> list[Any]:
    return [step async for step in process.events(payload, asked or SlotRequest())]


def test_the_size_of_the_vocabulary_is_asked_for_once(started: Started) -> None:
    replicas = Replicas({"data": [{"meta": {"n_vocab": 1536}}]})

    async def test() -> None:
        process = started(replicas)
        await process.start()
        assert [await process.read_vocabulary_size() for _ in range(2)] == [1536, 1536]
        assert replicas.paths == ["/v1/models"]

    run(test())


@pytest.mark.parametrize("listed", [[], [{"meta": None}], [{"meta": {"n_vocab": "x"}}], None])
def test_a_vocabulary_that_is_not_told_is_our_fault(started: Started, listed: Any) -> None:
    async def test() -> None:
        process = started(Replicas({"data": listed}))
        await process.start()
        with pytest.raises(ServerError):
            await process.read_vocabulary_size()

    run(test())


CALL = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'


@pytest.mark.parametrize(
    ("answer", "marks"),
    [
        ({"prompt": f"<|im_start|>{CALL}<|im_end|>"}, True),
        ({"prompt": CALL.replace("tool_call", "call")}, False),
        ({"prompt": 7}, False),
        (BadRequest("it takes no calls"), False),
    ],
    ids=str,
)
def test_whether_calls_stand_between_marks_shows_in_a_prompt_and_is_asked_for_once(
    started: Started, answer: Any, marks: bool
) -> None:
    replicas = Replicas(answer)

    async def test() -> None:
        process = started(replicas)
        await process.start()
        assert [await process.marks_calls() for _ in range(2)] == [marks, marks]
        assert replicas.paths == ["/apply-template"]

    run(test())


def test_a_template_that_cannot_be_asked_is_not_one_that_refuses(started: Started) -> None:
    async def test() -> None:
        process = started(Replicas(EngineUnavailable("away")))
        await process.start()
        with pytest.raises(EngineUnavailable):
            await process.render(HELLO)

    run(test())


def test_tokens_are_counted_where_there_is_a_text(started: Started) -> None:
    replicas = Replicas({"tokens": [1, 2]})

    async def test() -> None:
        process = started(replicas)
        await process.start()
        assert [await process.count_tokens(text) for text in ("", "a b")] == [0, 2]
        assert replicas.asked == [{"content": "a b"}]

    run(test())


def test_an_answer_is_a_stream_with_its_usage_in_a_slot_that_is_told(started: Started) -> None:
    replicas = Replicas(events=saying("Hi"))

    async def test() -> None:
        process = started(replicas, slots=2)
        await process.start()
        assert len(await events(process)) == 4
        assert replicas.asked == [
            {**HELLO, "id_slot": 0, "cache_prompt": True, "stream": True, "stream_options": {"include_usage": True}}
        ]
        await process.close()

    run(test())


def test_a_prompt_that_is_to_be_read_afresh_is(started: Started) -> None:
    replicas = Replicas(events=saying("Hi"))

    async def test() -> None:
        process = started(replicas, slots=2)
        await process.start()
        [each async for each in process.events({**HELLO, "cache_prompt": False}, SlotRequest())]
        assert replicas.asked[0]["cache_prompt"] is False
        await process.close()

    run(test())


def test_without_slots_llama_cpp_chooses_among_them(started: Started) -> None:
    replicas = Replicas(events=saying("Hi"))

    async def test() -> None:
        process = started(replicas)
        await process.start()
        await events(process)
        assert replicas.asked[0]["id_slot"] == -1

    run(test())


@pytest.mark.parametrize(
    ("first", "reuse"),
    [(chunk(ROLE), True), ({"error": {"code": 400, "message": "no"}}, False)],
    ids=["read", "refused"],
)
def test_what_was_read_is_made_use_of_unless_nothing_was(started: Started, first: Json, reuse: bool) -> None:
    replicas = Replicas(events=[first])

    async def test() -> None:
        process = started(replicas, slots=1)
        await process.start()
        for _ in range(2):
            await events(process, asked=OTHER)
        assert [body["cache_prompt"] for body in replicas.asked] == [False, reuse]
        await process.close()

    run(test())


WHOLE: Json = {**HELLO, "logprobs": True, "tools": [{"type": "function", "function": {"name": "f"}}]}


def test_log_probabilities_beside_tools_come_in_a_whole_answer(started: Started) -> None:
    replicas = Replicas(completion())

    async def test() -> None:
        process = started(replicas)
        await process.start()
        (answer,) = await events(process, WHOLE)
        assert isinstance(answer, bytes)
        assert json.loads(answer) == completion()
        assert "stream" not in replicas.asked[0]

    run(test())


@pytest.mark.parametrize("answer", [completion(), EngineUnavailable("gone")], ids=["answered", "failed"])
def test_a_whole_answer_has_its_slot_to_its_end_although_its_reader_has_left(started: Started, answer: Any) -> None:
    async def test() -> None:
        replicas = Replicas(completion())
        process = started(replicas, slots=1, in_flight=1)
        await process.start()
        replicas.go_on.clear()
        leaving = asyncio.create_task(events(process, WHOLE))
        await settle()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        waiting = asyncio.create_task(events(process, WHOLE))
        await settle()
        assert len(replicas.asked) == 1, "llama.cpp still works on the first"
        replicas.answer = answer
        replicas.go_on.set()
        if isinstance(answer, ApiError):
            with pytest.raises(EngineUnavailable):
                await waiting
        else:
            assert await waiting
        assert len(replicas.asked) == 2
        await process.close()

    run(test())


def test_no_more_requests_are_handed_over_than_may_be_in_flight(started: Started) -> None:
    async def test() -> None:
        replicas = Replicas(events=saying("Hi"))
        process = started(replicas, in_flight=2)
        await process.start()
        replicas.go_on.clear()
        asking = [asyncio.create_task(events(process)) for _ in range(3)]
        await settle()
        assert len(replicas.asked) == 2
        replicas.go_on.set()
        await asyncio.gather(*asking)
        assert len(replicas.asked) == 3

    run(test())


def test_pictures_of_few_requests_are_decoded_at_a_time_until_their_prompt_is_read(started: Started) -> None:
    async def test() -> None:
        replicas = Replicas(events=saying("Hi"))
        process = started(replicas)
        await process.start()
        replicas.go_on.clear()
        reading = [process.events(PICTURE, SlotRequest()) for _ in range(module._PICTURES_AT_ONCE + 1)]
        first = [asyncio.create_task(anext(steps)) for steps in reading]
        text = asyncio.create_task(events(process))
        await settle()
        assert len(replicas.asked) == module._PICTURES_AT_ONCE + 1, "one waits; what has no picture does not"
        replicas.go_on.set()
        await asyncio.gather(*first, text)
        assert len(replicas.asked) == module._PICTURES_AT_ONCE + 2, "answers go on beside each other"
        for steps in reading:
            await steps.aclose()

    run(test())


def test_a_process_that_is_not_started_or_closed_is_unavailable(started: Started) -> None:
    async def test() -> None:
        process = started(Replicas(events=saying("Hi")))
        for _ in range(2):
            assert not await process.ready()
            with pytest.raises(EngineUnavailable):
                await events(process)
            await process.start()
            await process.close()

    run(test())
