"""Whatever an upstream sends, reading and guarding it gives deltas or one of our errors, and never anything else."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from random import Random

import pytest

from app.engines.asked import Asked
from app.engines.base import Completion, Deltas, Refuse, StreamItem
from app.engines.collecting import collect
from app.engines.dialects.drift import Drift
from app.engines.dialects.guard import Guard
from app.engines.dialects.llama_cpp import errors
from app.engines.dialects.llama_cpp.reader import LlamaReader
from app.engines.dialects.reading import error_of, in_our_words, read_whole
from app.engines.dialects.stream import StreamReader
from app.engines.tool_choice import ToolChoice
from app.engines.transport.failures import failed_by_status
from app.errors import ApiError, UpstreamRefused

from ..asking import refuse
from . import garbage

TOOLS = ToolChoice(("get_time",))
ASKED = [
    Asked(),
    Asked(tool_choice=TOOLS),
    Asked(n=2, tool_choice=TOOLS),
    Asked(alternatives=0, tool_choice=TOOLS),
    Asked(alternatives=2, json=True, schema={"type": "object"}),
    Asked(alternatives=1, limit=1, limit_name="max_tokens", stops=("b", "Hm"), tool_choice=TOOLS),
    Asked(limit=1, limit_name="max_tokens", tool_choice=TOOLS, strict={"get_time": (0, {"type": "object"})}),
    Asked(n=2, stops=("a",), tool_choice=ToolChoice(("get_time",), must=True), parallel=False),
]
# Nothing that is not honoured is passed on, or all of it.
POLICIES: list[Refuse] = [refuse, lambda error: None]
READERS: dict[str, Callable[[Asked], StreamReader]] = {
    "any": lambda asked: StreamReader(asked, Drift("")),
    "llama.cpp": lambda asked: LlamaReader(asked, Drift("")),
    "stops": lambda asked: LlamaReader(asked, Drift(""), stops=["END", "b"]),
    "silent": lambda asked: LlamaReader(asked, Drift(""), silent=True),
    "ours": lambda asked: LlamaReader(asked, Drift(""), own=True, error=errors.error_of),
}


def together(deltas: list[StreamItem]) -> Completion:
    async def told() -> Deltas:
        for delta in deltas:
            yield delta

    return asyncio.run(collect(told()))


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("name", READERS)
def test_a_stream_with_anything_in_it_is_read_or_refused(name: str, asked: Asked) -> None:
    random = Random(f"{name} {asked}")
    for _ in range(250):
        reader = READERS[name](asked)
        events = garbage.stream(random)
        place = random.randrange(len(events))
        events[place] = garbage.spoiled(random, events[place])
        with contextlib.suppress(ApiError):
            guard = Guard(asked, Drift(""), random.choice(POLICIES))
            deltas = [delta for event in events for delta in guard.feed(reader.feed(json.dumps(event).encode()))]
            deltas += guard.end(reader.end())
            if isinstance(reader, LlamaReader):  # whose streams are put together to whole answers
                together(deltas)


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_whole_answer_with_anything_in_it_is_read_or_refused(asked: Asked) -> None:
    random = Random(f"{asked}")
    for _ in range(300):
        answer = json.dumps(garbage.spoiled(random, garbage.whole(random))).encode()
        for make in READERS.values():
            with contextlib.suppress(ApiError):
                reader, guard = make(asked), Guard(asked, Drift(""), random.choice(POLICIES))
                guard.feed(reader.feed_whole(answer))
                [*guard.end(reader.end())]
        with contextlib.suppress(ApiError):
            Guard(asked, Drift(""), random.choice(POLICIES)).hold(read_whole(answer, asked, Drift("")))


def test_an_error_object_with_anything_in_it_is_read() -> None:
    random = Random(7)
    good = {"error": {"message": "a", "type": "b", "param": "c", "code": 400, "status": 1, "detail": [{"loc": ["a"]}]}}
    for _ in range(1000):
        told = garbage.spoiled(random, good)
        body = json.dumps(told).encode()
        for status in (400, 404, 422, 429, 500):
            error = failed_by_status(status, {}, body).error
            if isinstance(error, UpstreamRefused):
                in_our_words(error)
        if isinstance(told, dict):
            error_of(told)
