"""The engine that relays to another server: it writes the request in the server's dialect and repairs the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..errors import UnsupportedParameter, UpstreamFailed, UpstreamRefused
from ..jsontypes import Json
from .base import CHAT, COMPLETIONS, Embedded, Model, Refuse, without_refused
from .dialects.dialect import UpstreamModel, refuse_remote_media
from .dialects.drift import Drift
from .dialects.known import AUTO, KINDS
from .dialects.reading import in_our_words, parse
from .dialects.unknown import UNKNOWN
from .dialects.vectors import read_vectors
from .relaying import CHAT_PATH, TEXT_PATH, VECTORS_PATH, TextPlan, UpstreamPlan, unknown_there
from .transport.bodies import encode
from .transport.options import Trial
from .transport.replicas import Replicas

# Bytes of an embeddings answer from which on it is read in a thread; reading that many takes about 20 ms.
_LARGE = 1 << 20


class UpstreamEngine:
    """The engine of one model of an upstream. ``dialect`` is a dialect's name; ``drift`` counts the repairs of its
    answers and is given if several engines of the model share it."""

    def __init__(self, upstream: UpstreamModel, dialect: str, replicas: Replicas, drift: Drift | None = None) -> None:
        self._upstream = upstream
        self.models: tuple[Model, ...] = (upstream.model,)
        self._dialect = KINDS[dialect]
        self._replicas = replicas
        self.drift = drift or Drift(upstream.model.id)

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

    def rank(self, request: Json, operation: str = CHAT) -> tuple[bool, tuple[bool, bool, bool, int]]:
        """Return a sort key for choosing among engines that honour a request; lower is better: values, then load."""
        return operation == CHAT and any(self._dialect.unsupported(request)), self._replicas.rank()

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> UpstreamPlan:
        """As `base.Engine.prepare`. Sends no request."""
        if not (self._upstream.remote_media or self._dialect.fetches):
            refuse_remote_media(request["messages"])
        request = without_refused(request, self._dialect.unsupported(request), refuse)
        written = self._dialect.write(request, self._upstream)
        return UpstreamPlan(self._dialect, written, request.get("seed"), self._replicas, self.drift, client, refuse)

    async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> TextPlan:
        """As `base.TextEngine.prepare_text`. Sends no request."""
        if "echo" in request and "prompt_logprobs" not in self.model.capabilities:
            # The cases of echo that the domain leaves to us: log probabilities of the prompt, or the text of tokens.
            what = "'logprobs'" if "logprobs" in request else "a prompt of tokens"
            refuse(
                UnsupportedParameter(
                    f"Unsupported parameter: 'echo' is not supported with {what} with this model. Leave it out.",
                    param="echo",
                )
            )
            request = {name: value for name, value in request.items() if name != "echo"}
        written = self._dialect.write_text(request, self._upstream)
        replicas = self._replicas.explaining(unknown_there)
        return TextPlan(self._dialect, written, request.get("seed"), replicas, self.drift, client, refuse)

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        """As `base.EmbeddingEngine.embed`."""
        body = self._dialect.write_embedding(request, self._upstream)
        secrets = self._replicas.secrets
        try:
            answer = await self._replicas.post(VECTORS_PATH, encode(body), explain=unknown_there, client=client)
            read = partial(
                read_vectors,
                answer,
                len(request["input"]),
                self.drift,
                dimensions=request.get("dimensions"),
                secrets=secrets,
            )
            # Large answers are read in a thread, so as not to block the event loop.
            return read() if len(answer) < _LARGE else await asyncio.to_thread(read)
        except UpstreamRefused as refusal:
            raise in_our_words(refusal, secrets=secrets, param="input") from None
        finally:
            self.drift.tell()


def model_of(
    model_id: str, dialect: str, *, context_length: int | None = None, owned_by: str = "upstream", created: int = 0
) -> Model:
    """Return a model of an upstream, with the capabilities of the dialect's servers."""
    made = Model(model_id, created, owned_by, "fp_upstream", foreign=True, knows_length=False)
    return with_length(as_served(made, dialect), context_length)


def as_served(model: Model, dialect: str) -> Model:
    """Return the model with the capabilities of a dialect's servers; `AUTO`: those assumed until detection."""
    spoken = UNKNOWN if dialect == AUTO else KINDS[dialect]
    return replace(
        model,
        capabilities=spoken.capabilities,
        makes_choices=spoken.makes_choices,
        operations=spoken.operations,
    )


def with_length(model: Model, context_length: int | None) -> Model:
    """Return the model with its context length in tokens; None: it is not known."""
    return model if context_length is None else replace(model, context_length=context_length, knows_length=True)


def trial_of(upstream: UpstreamModel, dialect: str) -> Trial:
    """Return the smallest request that makes the model of an upstream run: for one token, or for one vector."""
    spoken = UNKNOWN if dialect == AUTO else KINDS[dialect]
    operations = upstream.model.operations
    if CHAT in operations:
        # For an unknown server, use the parameter name that all servers know except OpenAI's newest models.
        limit = "max_tokens" if dialect == AUTO else "max_completion_tokens"
        request: Json = {"messages": [{"role": "user", "content": "Hi"}], limit: 1}
        return Trial(CHAT_PATH, encode(spoken.write(request, upstream).body))
    if COMPLETIONS in operations:
        return Trial(TEXT_PATH, encode(spoken.write_text({"prompt": "Hi", "max_tokens": 1}, upstream).body))
    return Trial(VECTORS_PATH, encode(spoken.write_embedding({"input": ["Hi"]}, upstream)))


async def list_upstream_models(replicas: Replicas, dialect: str = AUTO) -> tuple[Model, ...]:
    """Return the models that an upstream lists, with their context lengths if it reports them.

    Raises:
        ApiError: the upstream is not available, or its answer is no list of models.
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
    """Return a model's context length in tokens, from its entry in an upstream's list."""
    meta = entry.get("meta")
    told = {**(meta if isinstance(meta, dict) else {}), **entry}
    lengths = (told.get(name) for name in ("max_model_len", "n_ctx", "n_ctx_train", "context_length"))
    return next((length for length in lengths if isinstance(length, int) and length > 0), None)
