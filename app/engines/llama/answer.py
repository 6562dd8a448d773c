"""One answer of the model process: asked for in one way, read, and held to what binds it.

Answers that nothing binds, and those of which the model chooses the kind, are read by llama.cpp's own parser, which
knows the marks of the model's template. Those that are bound from their first token on follow a prompt that is written
out up to there, and are read as text: thoughts first where the model thinks, up to their bound, and then the answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from ...errors import BadRequest, EngineUnavailable, ServerError, UpstreamFailed
from ...jsontypes import Json
from ...model_process.slots import SlotRequest
from ..asked import Asked
from ..base import Delta, Deltas, StreamItem, Usage, usage_of
from ..dialects.drift import Drift
from ..dialects.llama_cpp import errors
from ..dialects.llama_cpp.reader import LlamaReader, TextReader
from ..dialects.stops import StopCutter
from ..transport.events import MISSING_DONE
from ..transport.replicas import Events
from .frames import Frame
from .process import ModelProcess
from .text import Remainder, Thoughts, as_text


class Stage(Protocol):
    """What deltas go through on their way: it holds the answer to what binds it."""

    def feed(self, delta: Delta) -> Iterable[Delta]:
        """The deltas that come of one."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """How a prompt is written out. ``thinks``: there are thoughts, of ``budget`` tokens at most."""

    frame: Frame
    thinks: bool = False
    budget: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask. ``silent`` and ``stops`` are those of a `LlamaReader`; ``stage`` makes what deltas go through;
    ``written`` is there for an answer that is bound from its first token on, and ``refusal`` is the error when
    llama.cpp cannot obey what binds it."""

    payload: Json
    silent: bool
    stops: Sequence[str]
    stage: Callable[[], Stage] | None = None
    written: Written | None = None
    refusal: BadRequest | None = None


@dataclass(slots=True)
class Answer:
    """``context_length`` is in tokens; ``prompt`` is what llama.cpp makes of the messages of a way."""

    process: ModelProcess
    asked: Asked
    way: Way
    seed: int
    slot: SlotRequest
    context_length: int
    prompt: Callable[[Way], Awaitable[str]]

    async def deltas(self) -> Deltas:
        """As `base.Plan.stream`."""
        stage = None if self.way.stage is None else self.way.stage()
        source = self._parsed() if self.way.written is None else self._bound(self.way.written)
        async with aclosing(source) as items:
            async for item in items:
                if stage is None or isinstance(item, dict):
                    yield item
                else:
                    for delta in stage.feed(item):
                        yield delta

    async def _parsed(self) -> Deltas:
        """As llama.cpp's parser reads it; what that cannot read is text."""
        told = Remainder()
        try:
            reader = self._reader(LlamaReader)
            async with aclosing(self._items({**self.way.payload, "seed": self.seed}, reader)) as items:
                async for item in items:
                    told.tell(item)
                    yield item
        except errors.Unreadable:
            async with aclosing(self._unparsed(told)) as items:
                async for item in items:
                    yield item

    async def _unparsed(self, told: Remainder) -> Deltas:
        """The same answer once more, as text, without what was told of it."""
        # The prompt is read afresh: what was read before may have another rounding, and to the same seed the same is to
        # be said.
        afresh = {"seed": self.seed, "cache_prompt": False}
        payload = as_text(self.way.payload, await self.prompt(self.way)) | afresh
        # What was told may have stop sequences in it: thoughts.
        cutter = StopCutter(self.way.stops, logprobs=self.asked.alternatives is not None)
        async with aclosing(self._items(payload, self._reader(TextReader, stops=()))) as items:
            async for item in items:
                for left in told.untold(item):
                    if isinstance(left, dict):
                        yield left
                    elif not cutter.met:
                        for delta in cutter.cut(left):
                            yield delta

    async def _bound(self, written: Written) -> Deltas:
        asked, frame = await self.prompt(self.way), written.frame
        prompt, spent = asked + frame.lead, None
        if written.thinks:
            thoughts = Thoughts(frame.open(asked))
            async with aclosing(self._thoughts(thoughts, written)) as deltas:
                async for delta in deltas:
                    yield delta
            prompt, spent = f"{thoughts.prompt}{thoughts.text}{frame.after}", thoughts.usage
        # What we wrote does not count as the client's.
        ours = await self.process.count_tokens((prompt if spent is None else thoughts.prompt)[len(asked) :])
        try:
            async with aclosing(self._text(prompt, spent, ours)) as items:
                async for item in items:
                    yield item
        except errors.TemplateRefused as error:  # but a template has nothing to do with it
            raise self.way.refusal or error from None

    async def _thoughts(self, thoughts: Thoughts, written: Written) -> AsyncGenerator[Delta, None]:
        room = self.context_length - await self.process.count_tokens(thoughts.prompt)
        budget = min(written.budget, room // 2)
        if budget < 1:
            return
        payload = as_text(self.way.payload, thoughts.prompt) | {"seed": self.seed, "max_tokens": budget}
        payload |= {"stop": [written.frame.closing], "preserved_tokens": [written.frame.closing]}
        for name in ("grammar", "n_probs"):
            payload.pop(name, None)
        reader = TextReader(Asked(), Drift(""), own=True, error=errors.error_of)
        async with aclosing(self._items(payload, reader)) as items:
            async for item in items:
                for delta in thoughts.feed(item):
                    yield delta

    async def _text(self, prompt: str, spent: Usage | None, ours: int) -> Deltas:
        """What follows a prompt. ``spent`` is what thoughts before it took, ``ours`` how many of its tokens do not
        count."""
        payload = as_text(self.way.payload, prompt) | {"seed": self.seed}
        if spent is not None:
            payload["max_tokens"] = max(1, payload["max_tokens"] - spent["completion_tokens"])
        reader = self._reader(TextReader)
        async with aclosing(self._items(payload, reader)) as items:
            async for item in items:
                if isinstance(item, dict) and "usage" in item:
                    yield {"usage": _usage(item["usage"], spent, ours)}
                else:
                    yield item

    def _reader(self, kind: type[LlamaReader], stops: Sequence[str] | None = None) -> LlamaReader:
        stops = self.way.stops if stops is None else stops
        # What our own process strays in is of no interest to anybody.
        return kind(self.asked, Drift(""), silent=self.way.silent, stops=stops, own=True, error=errors.error_of)

    async def _items(self, payload: Json, reader: LlamaReader) -> Deltas:
        """What a reader makes of llama.cpp's answer."""
        async with aclosing(self.process.events(payload, self.slot)) as steps:
            async for events in steps:
                for item in read_events(reader, events):
                    yield item
                if reader.done:
                    return
        uncounted = reader.uncounted
        for item in end_of(reader, await self.process.count_tokens(uncounted) if uncounted else 0):
            yield item


def _usage(answer: Usage, thoughts: Usage | None, ours: int) -> Usage:
    """What an answer, and thoughts before it, took together. The prompt counts once, as the client sent it: without the
    thoughts, and without ``ours``, the tokens that we wrote."""
    first = answer if thoughts is None else thoughts
    spent = 0 if thoughts is None else thoughts["completion_tokens"]
    prompt = max(first["prompt_tokens"] - ours, 0)
    cached = min(first["prompt_tokens_details"]["cached_tokens"], prompt)
    return usage_of(prompt, spent + answer["completion_tokens"], cached=cached, reasoning=spent)


def read_events(reader: LlamaReader, events: Events) -> Iterator[StreamItem]:
    """What came tells. The faults of our own process are not an upstream's."""
    try:
        if isinstance(events, bytes):
            yield from reader.feed_whole(events)
            return
        for event in events:
            if event == MISSING_DONE and reader.finished:
                return
            if event == MISSING_DONE:
                raise EngineUnavailable(errors.TOO_EARLY)
            yield from reader.feed(event)
    except UpstreamFailed:
        raise ServerError(errors.UNUSABLE) from None


def end_of(reader: LlamaReader, thoughts: int = 0) -> Sequence[StreamItem]:
    """The last of what an answer tells.

    Raises:
        EngineUnavailable: it is not finished.
    """
    try:
        items = reader.end(thoughts)
    except UpstreamFailed:
        items = ()
    if not items:  # it did not finish, or did not say what it took
        raise EngineUnavailable(errors.TOO_EARLY)
    return items
