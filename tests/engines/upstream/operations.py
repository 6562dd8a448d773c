"""The domains of completions and embeddings over an upstream in memory, without a web server around them.

Requests are held against the contract before they are asked, and answers before they are given.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from app.chat.service import Chat
from app.completions.service import Completions
from app.embeddings.service import Embeddings
from app.engines.dialects.dialect import UpstreamModel
from app.engines.upstream import UpstreamEngine
from app.errors import ApiError
from app.jsontypes import Json

from ..scripted_replicas import ScriptedReplicas
from .peers import SCHEMAS, ours

T = TypeVar("T", bound=Chat)


class Operations:
    """An upstream that gives an answer or events. ``asked`` are the bodies that it got, ``headers`` those of the last
    answer, ``drift`` where it strayed."""

    def __init__(
        self, answer: Any = None, events: Any = (), dialect: str = "openai", *, policy: str = "refuse"
    ) -> None:
        self._replicas = ScriptedReplicas(answer, events)
        self._engine = UpstreamEngine(UpstreamModel(ours(dialect), "theirs"), dialect, self._replicas)
        self._policy = policy
        self.asked = self._replicas.asked
        self.drift = self._engine.drift.counts
        self.headers: dict[str, str] = {}

    def complete(self, **body: Any) -> Json:
        """A whole completion of a prompt."""
        return asyncio.run(self._complete({"model": "our-model", "prompt": "a b", **body}))

    def stream(self, **body: Any) -> list[Json]:
        """The pieces of a streamed one."""
        return asyncio.run(self._stream({"model": "our-model", "prompt": "a b", "stream": True, **body}))

    def embed(self, **body: Any) -> Json:
        """The vectors of a text."""
        return asyncio.run(self._embed({"model": "our-model", "input": "a b", **body}))

    def refusal(self, ask: str, **body: Any) -> Json:
        """The error of a request, ``complete``, ``stream`` or ``embed``, with its status."""
        try:
            getattr(self, ask)(**body)
        except ApiError as error:
            return {"status": error.status, "type": error.type, "param": error.param, "code": error.code}
        raise AssertionError("it was answered")

    async def _complete(self, body: Json) -> Json:
        service = self._service(Completions, "CreateCompletionRequest", body)
        call = await service.begin(body, {})
        answer = await service.complete(call)
        self.headers = call.headers()
        return _fit("CreateCompletionResponse", answer)

    async def _stream(self, body: Json) -> list[Json]:
        service = self._service(Completions, "CreateCompletionRequest", body)
        pieces = [piece async for piece in service.stream(await service.begin(body, {}))]
        return [_fit("CreateCompletionStreamResponse", piece) for piece in pieces]

    async def _embed(self, body: Json) -> Json:
        service = self._service(Embeddings, "CreateEmbeddingRequest", body)
        call = await service.begin(body, {})
        answer = await service.embed(call)
        self.headers = call.headers()
        return _fit("CreateEmbeddingResponse", answer)

    def _service(self, kind: type[T], name: str, body: Json) -> T:
        _fit(name, body)
        return kind(self._engine, policy=self._policy)


def _fit(name: str, value: Json) -> Json:
    faults = list(SCHEMAS.validator(f"/components/schemas/{name}").faults(value))
    assert not faults, faults
    return value
