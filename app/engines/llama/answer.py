"""One answer of the model process: requested in one way, read, and checked against its constraints.

llama.cpp's own parser, which knows the marks of the model's template, reads unconstrained answers and answers whose
kind the model chooses. An answer that is constrained from its first token is requested as the continuation of a prompt
that is rendered up to the place where the answer begins, and is read as text: if the model thinks, first its thoughts,
up to their limit, and then the answer.
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
    """A filter for deltas that checks the answer against its constraints."""

    def feed(self, delta: Delta) -> Iterable[Delta]:
        """Return the deltas that replace one delta."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """How a prompt is rendered. ``thinks``: there are thoughts, of at most ``budget`` tokens."""

    frame: Frame
    thinks: bool = False
    budget: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """One way to request the answer.

    ``silent`` and ``stops`` are those of a `LlamaReader`; ``stage`` creates the filter for deltas. ``written`` is set
    for an answer that is constrained from its first token; ``refusal`` is the error if llama.cpp cannot obey the
    constraint."""

    payload: Json
    silent: bool
    stops: Sequence[str]
    stage: Callable[[], Stage] | None = None
    written: Written | None = None
    refusal: BadRequest | None = None


@dataclass(slots=True)
class Answer:
    """``context_length`` is in tokens; ``prompt`` returns the prompt that llama.cpp renders for a way's messages."""

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
        """The answer as llama.cpp's parser reads it, or as text if the parser cannot read it."""
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
        """The same answer again, as text, without the part that was already sent."""
        # No prompt cache: cached values may be rounded differently, and the same seed must give the same answer.
        afresh = {"seed": self.seed, "cache_prompt": False}
        payload = as_text(self.way.payload, await self.prompt(self.way)) | afresh
        # The part that was sent may contain stop sequences, in thoughts.
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
        # The tokens that we added to the prompt do not count in the client's usage.
        ours = await self.process.count_tokens((prompt if spent is None else thoughts.prompt)[len(asked) :])
        try:
            async with aclosing(self._text(prompt, spent, ours)) as items:
                async for item in items:
                    yield item
        except errors.TemplateRefused as error:  # but the template is not the cause
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
        """The continuation of a prompt. ``spent`` is the usage of the thoughts before it, ``ours`` the number of the
        prompt's tokens that do not count."""
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
        # Deviations of our own process from the protocol are not reported.
        return kind(self.asked, Drift(""), silent=self.way.silent, stops=stops, own=True, error=errors.error_of)

    async def _items(self, payload: Json, reader: LlamaReader) -> Deltas:
        """The items that a reader reads from llama.cpp's answer."""
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
    """Return the usage of an answer together with the thoughts before it. The prompt counts once, as the client sent
    it: without the thoughts, and without ``ours``, the number of tokens that we added."""
    first = answer if thoughts is None else thoughts
    spent = 0 if thoughts is None else thoughts["completion_tokens"]
    prompt = max(first["prompt_tokens"] - ours, 0)
    cached = min(first["prompt_tokens_details"]["cached_tokens"], prompt)
    return usage_of(prompt, spent + answer["completion_tokens"], cached=cached, reasoning=spent)


def read_events(reader: LlamaReader, events: Events) -> Iterator[StreamItem]:
    """Yield the items of the events that came. Errors of our own process are not reported as those of an upstream."""
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
    """Return the last items of an answer.

    Raises:
        EngineUnavailable: the answer is not finished.
    """
    try:
        items = reader.end(thoughts)
    except UpstreamFailed:
        items = ()
    if not items:  # it did not finish, or did not report its usage
        raise EngineUnavailable(errors.TOO_EARLY)
    return items
