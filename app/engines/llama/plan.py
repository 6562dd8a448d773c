"""A request that the model process is going to answer: in which ways it is asked, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from ...errors import EngineUnavailable, ServerError, UpstreamFailed
from ...jsontypes import Json
from ...model_process.slots import SlotRequest
from ..asked import Asked
from ..base import Completion, Delta, Deltas, StreamItem
from ..collecting import collect
from ..dialects.drift import Drift
from ..dialects.llama_cpp import errors
from ..dialects.llama_cpp.reader import LlamaReader
from ..dialects.llama_cpp.request import fold_seed
from ..transport.events import MISSING_DONE
from ..transport.replicas import Events
from .choosing import Chooser
from .process import ModelProcess


class Stage(Protocol):
    """What deltas go through on their way: it holds the answer to what binds it."""

    def feed(self, delta: Delta) -> Iterable[Delta]:
        """The deltas that come of one."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask. ``silent`` and ``stops`` are those of a `LlamaReader`; ``stage`` makes what deltas go through."""

    payload: Json
    silent: bool
    stops: Sequence[str]
    stage: Callable[[], Stage] | None = None


@dataclass(slots=True)
class LlamaPlan:
    """As `base.Plan`. ``way`` is asked first; instead of it ``in_format``, when the model answers in words, and
    ``calls``, when it calls one of these tools."""

    process: ModelProcess
    asked: Asked
    seed: int | None
    slot: SlotRequest
    way: Way
    in_format: Way | None = None
    calls: dict[str, Way] = field(default_factory=dict)

    def stream(self, choice: int = 0) -> Deltas:
        """As `base.Plan.stream`."""
        chooses = self.in_format is not None or self.calls
        return self._chosen(choice) if chooses else self._deltas(self.way, choice)

    async def complete(self, choice: int = 0) -> Completion:
        """As `base.Plan.complete`.

        Reads llama.cpp's stream, for llama.cpp finishes an answer that is not streamed even when its reader is gone.
        """
        answer = await collect(self.stream(choice))
        if self.asked.alternatives is not None:
            for made in answer.choices:
                made.logprobs = made.logprobs or {"content": [], "refusal": None}
        return answer

    async def _chosen(self, choice: int) -> Deltas:
        chooser = Chooser(self.in_format, self.calls)
        async with aclosing(self._deltas(self.way, choice)) as deltas:
            async for delta in deltas:
                if isinstance(delta, dict) or chooser.watch(delta):
                    yield delta
                elif chooser.instead is not None:
                    break
        if chooser.instead is not None:
            async with aclosing(self._deltas(chooser.instead, choice)) as deltas:
                async for delta in deltas:
                    yield delta

    async def _deltas(self, way: Way, choice: int) -> Deltas:
        # What our own process strays in is of no interest to anybody.
        reader = LlamaReader(self.asked, Drift(""), silent=way.silent, stops=way.stops, own=True, error=errors.error_of)
        stage = None if way.stage is None else way.stage()
        payload = way.payload
        if choice and self.seed is not None:
            payload = {**payload, "seed": fold_seed(int(self.seed) + choice)}
        async with aclosing(self.process.events(payload, self.slot)) as steps:
            async for events in steps:
                for item in _read(reader, events):
                    if stage is None or isinstance(item, dict):
                        yield item
                    else:
                        for delta in stage.feed(item):
                            yield delta
                if reader.done:
                    return
        uncounted = reader.uncounted
        for item in _end(reader, await self.process.count_tokens(uncounted) if uncounted else 0):
            yield item


def _read(reader: LlamaReader, events: Events) -> Iterator[StreamItem]:
    """What came tells. The faults of our own process are not an upstream's."""
    try:
        if isinstance(events, bytes):
            yield from reader.feed_whole(events)
            return
        for event in events:
            if event == MISSING_DONE:
                raise EngineUnavailable(errors.TOO_EARLY)
            yield from reader.feed(event)
    except UpstreamFailed:
        raise ServerError(errors.UNUSABLE) from None


def _end(reader: LlamaReader, thoughts: int) -> Sequence[StreamItem]:
    try:
        items = reader.end(thoughts)
    except UpstreamFailed:
        items = ()
    if not items:  # it did not finish, or did not say what it took
        raise EngineUnavailable(errors.TOO_EARLY)
    return items
