"""The engine that answers from another server: the request goes out in its dialect, the answer comes back mended."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..errors import UpstreamFailed, UpstreamRefused
from ..jsontypes import Json
from .base import Completion, Deltas, Model, Refuse, StreamItem, without_refused
from .collecting import collect
from .dialects.dialect import Dialect, UpstreamModel, Written, refuse_remote_media
from .dialects.drift import Drift
from .dialects.guard import Guard
from .dialects.known import AUTO, KINDS
from .dialects.reading import in_our_words, parse, read_whole
from .dialects.stream import StreamReader
from .dialects.unknown import UNKNOWN
from .transport.bodies import encode
from .transport.options import Trial
from .transport.replicas import Replicas

_PATH = "/chat/completions"


class UpstreamEngine:
    """Completions from an upstream, of one model. ``dialect`` is the name of one; ``drift`` counts what its answers
    needed, for several engines of the model together if it is given."""

    def __init__(self, upstream: UpstreamModel, dialect: str, replicas: Replicas, drift: Drift | None = None) -> None:
        self._upstream = upstream
        self._dialect = KINDS[dialect]
        self._replicas = replicas
        self.drift = drift or Drift(upstream.model.id)

    @property
    def models(self) -> tuple[Model, ...]:
        return (self._upstream.model,)

    async def start(self) -> None:
        await self._replicas.start()

    async def close(self) -> None:
        self.drift.tell(last=True)
        await self._replicas.close()

    async def ready(self) -> bool:
        return await self._replicas.ready()

    @property
    def model(self) -> Model:
        return self._upstream.model

    def rank(self, request: Json) -> tuple[bool, tuple[bool, bool, bool, int]]:
        """The lower, the rather a request whose parameters it honours should go to it: its values count, then load."""
        return any(self._dialect.unsupported(request)), self._replicas.rank()

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> UpstreamPlan:
        """As `base.Engine.prepare`. Nobody is asked."""
        if not (self._upstream.remote_media or self._dialect.fetches):
            refuse_remote_media(request["messages"])
        request = without_refused(request, self._dialect.unsupported(request), refuse)
        written = self._dialect.write(request, self._upstream)
        return UpstreamPlan(self._dialect, written, request.get("seed"), self._replicas, self.drift, client, refuse)


@dataclass(slots=True)
class UpstreamPlan:
    """As `base.Plan`. ``seed`` is that of the request, ``client`` whose it is. ``refuse`` also decides about what the
    answer shows not to have been honoured."""

    dialect: Dialect
    written: Written
    seed: int | None
    replicas: Replicas
    drift: Drift
    client: str | None
    refuse: Refuse

    async def complete(self, choice: int = 0) -> Completion:
        """As `base.Plan.complete`."""
        if not self.dialect.cancels:
            return await collect(self.stream(choice))
        with self._in_our_words():
            answer = await self.replicas.post(_PATH, self._body(choice), client=self.client)
            return self._guard().hold(read_whole(answer, self.written.asked, self.drift, self.replicas.secrets))

    async def stream(self, choice: int = 0) -> Deltas:
        """As `base.Plan.stream`."""
        reader, guard = self.written.read(self.drift), self._guard()
        reader.secrets = self.replicas.secrets
        with self._in_our_words():
            if self.written.whole:
                body = await self.replicas.post(_PATH, self._body(choice), client=self.client)
                for delta in guard.feed(reader.feed_whole(body)):
                    yield delta
            else:
                body = self._body(choice, stream=True)
                async with aclosing(self.replicas.stream(_PATH, body, client=self.client)) as steps:
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
            return ()  # it ended before the upstream knew

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

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except UpstreamRefused as refusal:
            raise in_our_words(refusal, self.written.asked.limit_name, self.replicas.secrets) from None
        finally:
            self.drift.tell()


def model_of(
    model_id: str, dialect: str, *, context_length: int | None = None, owned_by: str = "upstream", created: int = 0
) -> Model:
    """A model as an upstream of a dialect serves it, with what the dialect's servers honour."""
    made = Model(model_id, created, owned_by, "fp_upstream", foreign=True, knows_length=False)
    return with_length(as_served(made, dialect), context_length)


def as_served(model: Model, dialect: str) -> Model:
    """A model with what the servers of a dialect honour. `AUTO` is what is honoured until it is known better."""
    spoken = UNKNOWN if dialect == AUTO else KINDS[dialect]
    return replace(model, capabilities=spoken.capabilities, makes_choices=spoken.makes_choices)


def with_length(model: Model, context_length: int | None) -> Model:
    """A model with the length of its context; None: it is not known."""
    return model if context_length is None else replace(model, context_length=context_length, knows_length=True)


def trial_of(upstream: UpstreamModel, dialect: str) -> Trial:
    """The smallest request that makes the model of an upstream generate: one token."""
    # Of a server that is not known yet, the name is taken that all know but OpenAI's newest models.
    limit = "max_tokens" if dialect == AUTO else "max_completion_tokens"
    request: Json = {"messages": [{"role": "user", "content": "Hi"}], limit: 1}
    spoken = UNKNOWN if dialect == AUTO else KINDS[dialect]
    return Trial(_PATH, encode(spoken.write(request, upstream).body))


async def list_upstream_models(replicas: Replicas, dialect: str = AUTO) -> tuple[Model, ...]:
    """The models that an upstream lists, with the length of their context where it tells.

    Raises:
        ApiError: the upstream cannot be asked, or what it answers is no list of models.
    """
    answer = parse(await replicas.get("/models"))
    listed = answer.get("data")
    models = [_model(entry, dialect) for entry in listed] if isinstance(listed, list) else []
    found = tuple(model for model in models if model is not None)
    if not found:
        raise UpstreamFailed("The upstream lists no models.")
    return found


def _model(entry: Any, dialect: str) -> Model | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
        return None
    created, owner = entry.get("created"), entry.get("owned_by")
    return model_of(
        entry["id"],
        dialect,
        context_length=length_of(entry),
        owned_by=owner if isinstance(owner, str) and owner else "upstream",
        created=int(created) if isinstance(created, int | float) else int(time.time()),
    )


def length_of(entry: Mapping[str, Any]) -> int | None:
    """The length of a model's context, in tokens, by its entry in an upstream's list."""
    meta = entry.get("meta")
    told = {**(meta if isinstance(meta, dict) else {}), **entry}
    lengths = (told.get(name) for name in ("max_model_len", "n_ctx", "n_ctx_train", "context_length"))
    return next((length for length in lengths if isinstance(length, int) and length > 0), None)
