"""Many engines as one: routes each request to the engine of the model that it names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from operator import attrgetter
from typing import cast

from ..errors import EngineUnavailable
from ..jsontypes import Json
from .base import Embedded, EmbeddingEngine, Engine, Model, Plan, Refuse, TextEngine

_MODELS = attrgetter("models")


class Registry:
    """As `base.Engine`, over the engines given. ``request["model"]`` is the id of a model; aliases are already
    resolved. No two engines serve the same id."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.engines = tuple(engines)
        self._parts: list[tuple[Model, ...]] = []  # the models of each engine
        self._models: tuple[Model, ...] = ()
        self._found: dict[str, Engine] = {}  # the engines of all models, by their ids
        # Those of the models that were known from the start.
        self._fixed = {model.id: engine for engine in self.engines for model in engine.models}

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of all engines, without those that an engine has yet to discover. Returns the same object as the
        last time if nothing has changed."""
        parts = list(map(_MODELS, self.engines))
        if parts != self._parts:
            self._parts = parts
            self._models = tuple(model for part in parts for model in part)
            served = [(model.id, engine) for engine, part in zip(self.engines, parts, strict=True) for model in part]
            self._found = dict(reversed(served))  # if two discover the same model, the first one has it
        return self._models

    async def start(self) -> None:
        """Start all engines, at the same time: some wait for others. If one fails to start, close all and raise its
        error."""
        starting = [asyncio.ensure_future(engine.start()) for engine in self.engines]
        try:
            await asyncio.gather(*starting)
        except BaseException:
            for each in starting:
                each.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
            with contextlib.suppress(Exception):
                await _close(self.engines)
            raise

    async def close(self) -> None:
        """Close all engines, even if closing one fails."""
        await _close(self.engines)

    async def ready(self) -> bool:
        """Whether at least one engine could answer now: the failure of one model is no reason to route requests for the
        others away from this server."""
        asked = [asyncio.ensure_future(engine.ready()) for engine in self.engines]
        try:
            for answer in asyncio.as_completed(asked):
                if await answer:
                    return True
            return False
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        """As `base.Engine.prepare`."""
        return await self._engine(request["model"]).prepare(request, refuse, client)

    async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        """As `base.TextEngine.prepare_text`, for a model that completes texts."""
        return await cast(TextEngine, self._engine(request["model"])).prepare_text(request, refuse, client)

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        """As `base.EmbeddingEngine.embed`, for a model that makes embeddings."""
        return await cast(EmbeddingEngine, self._engine(request["model"])).embed(request, refuse, client)

    def _engine(self, model_id: str) -> Engine:
        engine = self._fixed.get(model_id)
        if engine is None and self.models:  # which brings up to date what was found
            engine = self._found.get(model_id)
        if engine is None:
            raise EngineUnavailable("This model is not served any more. Retry in a moment.")
        return engine


async def _close(engines: Sequence[Engine]) -> None:
    results = await asyncio.gather(*(engine.close() for engine in engines), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
