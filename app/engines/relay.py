"""The engine that answers from another server: the request goes out in its dialect, the answer comes back mended."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from ..errors import ConfigurationError, UpstreamFailed, UpstreamRefused
from .base import Json, Model
from .dialects.collecting import collect
from .dialects.dialects import DIALECTS, refuse_remote_media
from .dialects.drift import Drift
from .dialects.reading import Asked, in_our_words, parse, whole
from .dialects.streaming import StreamReader, pieces_of
from .transport.replicas import Replicas, Whole

_PATH = "/chat/completions"

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOptions:
    """A model elsewhere.

    ``model`` is what we call it and say of it, ``upstream_model`` what its server calls it; ``dialect`` is one of
    `DIALECTS`. ``extra`` are body fields that are sent with every request that does not say otherwise.
    ``remote_media``: pictures may be named by an address, which the upstream then fetches from wherever it is.
    """

    model: Model
    upstream_model: str
    dialect: str = "openai"
    extra: Mapping[str, Any] = field(default_factory=dict)
    remote_media: bool = False

    def __post_init__(self) -> None:
        if self.dialect not in DIALECTS:
            raise ConfigurationError(
                f"The model {self.model.id!r} has the dialect {self.dialect!r}; there are: {', '.join(DIALECTS)}."
            )


class UpstreamEngine:
    """Completions from an upstream, of one model. ``drift`` counts what its answers needed."""

    def __init__(self, options: RelayOptions, replicas: Replicas) -> None:
        self._options = options
        self._dialect = DIALECTS[options.dialect]
        self._replicas = replicas
        self.drift = Drift(options.model.id)

    @property
    def models(self) -> tuple[Model, ...]:
        return (self._options.model,)

    async def start(self) -> None:
        await self._replicas.start()

    async def close(self) -> None:
        self.drift.tell(last=True)
        await self._replicas.close()

    async def ready(self) -> bool:
        return await self._replicas.ready()

    async def complete(self, request: Json) -> Json:
        """As `base.Engine.complete`."""
        if not self._dialect.cancels:
            async with aclosing(self.stream(request)) as pieces:
                return await collect(pieces)
        asked = Asked.of(request)
        try:
            body = self._write(request, stream=False)
            answer = await self._replicas.post(_PATH, body)
            return whole(parse(answer.body), asked, self.drift)
        except UpstreamRefused as refusal:
            raise in_our_words(refusal, self._replicas.secrets) from None
        finally:
            self.drift.tell()

    async def stream(self, request: Json) -> AsyncGenerator[Json, None]:
        """As `base.Engine.stream`."""
        asked = Asked.of(request)
        reader = StreamReader(asked, self.drift)
        read = reader.read
        done = False
        try:
            body = self._write(request, stream=True)
            async with aclosing(self._replicas.stream(_PATH, body)) as events:
                async for event in events:
                    if type(event) is bytes:
                        if (piece := read(event)) is not None:
                            yield piece
                    elif isinstance(event, Whole):
                        self.drift.count("whole_for_stream")
                        for piece in pieces_of(whole(parse(event.body), asked, self.drift)):
                            yield piece
                        done = True
            if not done and (piece := reader.end()) is not None:
                yield piece
        except UpstreamRefused as refusal:
            raise in_our_words(refusal, self._replicas.secrets) from None
        finally:
            self.drift.tell()

    def _write(self, request: Json, *, stream: bool) -> bytes:
        options = self._options
        if not (options.remote_media or self._dialect.fetches):
            refuse_remote_media(request["messages"])
        body = self._dialect.translate(
            request,
            model=options.upstream_model,
            extra=options.extra,
            stream=stream,
            context_length=options.model.context_length,
        )
        try:
            return orjson.dumps(body)
        except TypeError:  # an integer beyond 64 bits, for example
            return _to_json(body).encode("utf-8", "replace")


def model_of(
    model_id: str, dialect: str, *, context_length: int | None = None, owned_by: str = "upstream", created: int = 0
) -> Model:
    """A model as an upstream of a dialect serves it, with what the dialect's servers honour."""
    spoken = DIALECTS[dialect]
    made = Model(
        model_id,
        created,
        owned_by,
        "fp_upstream",
        spoken.capabilities,
        makes_choices=spoken.makes_choices,
        foreign=True,
    )
    return made if context_length is None else replace(made, context_length=context_length)


async def list_upstream_models(replicas: Replicas, dialect: str = "openai") -> tuple[Model, ...]:
    """The models that an upstream lists, with the length of their context where it tells.

    Raises:
        ApiError: the upstream cannot be asked, or what it answers is no list of models.
    """
    answer = parse((await replicas.get("/models")).body)
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
    meta = entry.get("meta")
    told = {**(meta if isinstance(meta, dict) else {}), **entry}
    lengths = [told.get(name) for name in ("max_model_len", "n_ctx", "n_ctx_train", "context_length")]
    return model_of(
        entry["id"],
        dialect,
        context_length=next((length for length in lengths if isinstance(length, int) and length > 0), None),
        owned_by=owner if isinstance(owner, str) and owner else "upstream",
        created=int(created) if isinstance(created, int | float) else int(time.time()),
    )
