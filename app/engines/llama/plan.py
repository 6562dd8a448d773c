"""A request that the model process is going to answer: in which ways it is asked, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from ...jsontypes import Json
from ...model_process.slots import SlotRequest
from ..asked import Asked
from ..base import Completion, Delta, Deltas, StreamItem
from ..collecting import collect
from ..dialects.drift import Drift
from ..dialects.llama_cpp import errors
from ..dialects.llama_cpp.reader import LlamaReader, as_event
from ..dialects.llama_cpp.request import fold_seed
from ..dialects.reading import parse
from ..transport.replicas import Events, Whole
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
        drift = Drift("")
        reader = LlamaReader(self.asked, drift, silent=way.silent, stops=way.stops, own=True, error=errors.error_of)
        stage = None if way.stage is None else way.stage()
        payload = way.payload
        if choice and self.seed is not None:
            payload = {**payload, "seed": fold_seed(int(self.seed) + choice)}
        async with aclosing(self.process.events(payload, self.slot)) as steps:
            async for events in steps:
                for delta in _read(reader, events):
                    if stage is None or isinstance(delta, dict):
                        yield delta
                    else:
                        for told in stage.feed(delta):
                            yield told
                if reader.done:
                    return
        uncounted = reader.uncounted
        for delta in reader.end(await self.process.count_tokens(uncounted) if uncounted else 0):
            yield delta


def _read(reader: LlamaReader, events: Events) -> Iterator[StreamItem]:
    if isinstance(events, Whole):
        yield from reader.read(as_event(parse(events.body)))
        return
    for event in events:
        yield from reader.feed(event)
        if reader.done:
            return
