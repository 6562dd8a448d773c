"""Many engines as one: each request goes to the engine whose model it names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import cast

from ..errors import EngineUnavailable
from ..jsontypes import Json
from .base import Embedded, EmbeddingEngine, Engine, Model, Plan, Refuse, TextEngine


class Registry:
    """As `base.Engine`, over the engines given. ``request["model"]`` is the id of a model; aliases are resolved by
    then. No two engines serve the same id."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.engines = tuple(engines)
        self._parts: list[tuple[Model, ...]] = []
        self._models: tuple[Model, ...] = ()
        self._fixed = {model.id: engine for engine in self.engines for model in engine.models}

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of all; fewer as long as an engine has yet to ask which it has. The same value as the last time
        if nothing has changed."""
        parts = [engine.models for engine in self.engines]
        if parts != self._parts:
            self._parts = parts
            self._models = tuple(model for part in parts for model in part)
        return self._models

    async def start(self) -> None:
        """Start all. When one cannot be started those that were are closed, and its failure is raised."""
        started: list[Engine] = []
        try:
            for engine in self.engines:
                started.append(engine)
                await engine.start()
        except BaseException:
            with contextlib.suppress(Exception):
                await _close(started)
            raise

    async def close(self) -> None:
        """Close all, whatever becomes of any."""
        await _close(self.engines)

    async def ready(self) -> bool:
        """Whether at least one could answer now: the failure of one model is no reason to send requests for the
        others elsewhere."""
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
        """As `base.TextEngine.prepare_text`, of a model that goes on with texts."""
        return await cast(TextEngine, self._engine(request["model"])).prepare_text(request, refuse, client)

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        """As `base.EmbeddingEngine.embed`, of a model that makes embeddings."""
        return await cast(EmbeddingEngine, self._engine(request["model"])).embed(request, refuse, client)

    def _engine(self, model_id: str) -> Engine:
        engine = self._fixed.get(model_id)
        if engine is None:
            for engine in self.engines:
                if any(model.id == model_id for model in engine.models):
                    return engine
            raise EngineUnavailable("This model is not served any more. Retry in a moment.")
        return engine


async def _close(engines: Sequence[Engine]) -> None:
    results = await asyncio.gather(*(engine.close() for engine in engines), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
