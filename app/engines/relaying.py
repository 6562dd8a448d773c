"""Relays a request to an upstream and its answer back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import ClassVar

from ..errors import ApiError, BadRequest, UpstreamFailed, UpstreamRefused
from .base import Completion, Deltas, Refuse, StreamItem
from .collecting import collect
from .dialects.dialect import Dialect, Written
from .dialects.drift import Drift
from .dialects.guard import Guard
from .dialects.reading import in_our_words, read_whole
from .dialects.stream import StreamReader
from .dialects.texts import EchoReader
from .transport.bodies import encode
from .transport.failures import Failed
from .transport.replicas import Replicas

CHAT_PATH = "/chat/completions"
TEXT_PATH = "/completions"
VECTORS_PATH = "/embeddings"

# The statuses by which servers report that they do not have an operation.
_UNKNOWN = frozenset({404, 405, 501})


def unknown_there(failed: Failed) -> ApiError:
    """Return the error for a failed attempt at an operation that a server, or one of its models, may not support."""
    if failed.status in _UNKNOWN and isinstance(failed.error, UpstreamFailed):
        return BadRequest(
            "The engine of this model does not know this operation, or does not have it for this model. Name another "
            "model.",
            param="model",
            code="unsupported_operation",
        )
    return failed.error


@dataclass(slots=True)
class UpstreamPlan:
    """As `base.Plan`. ``seed`` is the request's seed, ``client`` the client that sent it. ``refuse`` also decides about
    parameters that were not honoured, as the answer shows."""

    dialect: Dialect
    written: Written
    seed: int | None
    replicas: Replicas
    drift: Drift
    client: str | None
    refuse: Refuse

    path: ClassVar[str] = CHAT_PATH
    read_from: ClassVar[str] = "messages"

    async def complete(self, choice: int = 0) -> Completion:
        """As `base.Plan.complete`."""
        if not self.dialect.cancels:
            return await collect(self.stream(choice))
        try:
            answer = await self.replicas.post(self.path, self._body(choice), client=self.client)
            return self._guard().hold(read_whole(answer, self.written.asked, self.drift, self.replicas.secrets))
        except UpstreamRefused as refusal:
            raise self._in_our_words(refusal) from None
        finally:
            self.drift.tell()

    def stream(self, choice: int = 0) -> Deltas:
        """As `base.Plan.stream`."""
        return self._deltas(choice, whole=self.written.whole)

    async def _deltas(self, choice: int, *, whole: bool) -> Deltas:
        reader, guard = self.written.read(self.drift), self._guard()
        reader.secrets = self.replicas.secrets
        try:
            if whole:
                body = await self.replicas.post(self.path, self._body(choice), client=self.client)
                for delta in guard.feed(reader.feed_whole(body)):
                    yield delta
            else:
                # Nothing here refers to the encoded body, which may be large, while the stream is read.
                opened = self.replicas.stream(self.path, self._body(choice, stream=True), client=self.client)
                async with aclosing(opened) as steps:
                    async for events in steps:
                        if isinstance(events, bytes):
                            for delta in guard.feed(reader.feed_whole(events)):
                                yield delta
                            break
                        for event in events:
                            for delta in guard.feed(reader.feed(event)):
                                yield delta
                        if reader.done or guard.done:
                            break
            for delta in guard.end(self._end(reader, guard)):
                yield delta
        except UpstreamRefused as refusal:
            raise self._in_our_words(refusal) from None
        finally:
            self.drift.tell()

    def _guard(self) -> Guard:
        return Guard(self.written.asked, self.drift, self.refuse)

    @staticmethod
    def _end(reader: StreamReader, guard: Guard) -> Sequence[StreamItem]:
        if reader.done or guard.done:
            return ()
        try:
            return reader.end()
        except UpstreamFailed:
            if not guard.complete:
                raise
            return ()  # our guard ended the answer before the upstream did

    def _body(self, choice: int, *, stream: bool = False) -> bytes:
        body, asked = self.written.body, self.written.asked
        if stream:
            options = (
                {"include_usage": True, "continuous_usage_stats": True} if asked.counts else {"include_usage": True}
            )
            body = {**body, "stream": True, "stream_options": options}
        if choice and self.seed is not None:
            body = {**body, "seed": self.dialect.seed(int(self.seed) + choice)}
        return encode(body)

    def _in_our_words(self, refusal: UpstreamRefused) -> ApiError:
        limit = self.written.asked.limit_name
        return in_our_words(refusal, limit, self.replicas.secrets, param=self.read_from)


@dataclass(slots=True)
class TextPlan(UpstreamPlan):
    """As `UpstreamPlan`, for a text completion."""

    path: ClassVar[str] = TEXT_PATH
    read_from: ClassVar[str] = "prompt"

    async def complete(self, choice: int = 0) -> Completion:
        """As `base.Plan.complete`."""
        whole = self.dialect.cancels or self.written.whole
        return await collect(self._told(choice, whole=whole))

    def stream(self, choice: int = 0) -> Deltas:
        """As `base.Plan.stream`."""
        return self._told(choice, whole=self.written.whole)

    def _told(self, choice: int, *, whole: bool) -> Deltas:
        return self._after_prompt(choice) if self.written.echoes else self._deltas(choice, whole=whole)

    async def _after_prompt(self, choice: int) -> Deltas:
        """Stream the answer to a request with ``echo``, which is always requested as a whole."""
        reader, guard = self.written.read(self.drift), self._guard()
        assert isinstance(reader, EchoReader)
        reader.secrets = self.replicas.secrets
        try:
            body = await self.replicas.post(self.path, self._body(choice), client=self.client)
            told = [*guard.feed(reader.feed_whole(body)), *guard.end(self._end(reader, guard))]
        except UpstreamRefused as refusal:
            raise self._in_our_words(refusal) from None
        finally:
            self.drift.tell()
        for head in reader.heads:
            yield head
        for item in told:
            yield item
