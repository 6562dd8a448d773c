"""The engine of a model whose servers' dialects are detected. Each server gets requests in its own dialect.

Usually all servers are of one kind, and this engine behaves as the engine of that dialect. If there are several kinds,
a request goes to a server of a kind that honours all of it.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from ..errors import ApiError, EngineUnavailable, RateLimited
from ..jsontypes import Json
from .base import CHAT, COMPLETIONS, EMBEDDINGS, Completion, Deltas, Embedded, Model, Plan, Refuse
from .dialects.dialect import UpstreamModel
from .dialects.drift import Drift
from .dialects.unknown import UNKNOWN
from .recognition import Met, Recognition
from .transport.replicas import Replicas
from .upstream import UpstreamEngine

# Describes a model as served by one kind of server, with its context length if the servers report it.
Describe = Callable[[str, Met], UpstreamModel]

# Returns whether a model honours all parameters of a request for an operation.
Honours = Callable[[Json, Model, str], bool]


class AutoEngine:
    """As `base.Engine`, for one model."""

    def __init__(self, describe: Describe, honours: Honours, replicas: Replicas, recognition: Recognition) -> None:
        self._describe = describe
        self._honours = honours
        self._replicas = replicas
        self._recognition = recognition
        self._met: Met | None = None
        self._engines: tuple[UpstreamEngine, ...] = ()
        self._models: tuple[Model, ...] = ()
        self.drift = Drift(describe(UNKNOWN.name, Met()).model.id)

    @property
    def models(self) -> tuple[Model, ...]:
        self._see()
        return self._models

    async def start(self) -> None:
        """Start detecting the kinds of the servers in the background."""
        await self._replicas.start()
        self._recognition.start()
        self._met = None  # engines built before used replicas that were not started

    async def close(self) -> None:
        self.drift.tell(last=True)
        await self._recognition.close()
        await self._replicas.close()

    async def ready(self) -> bool:
        """Whether a server is recognised and a server can be reached."""
        return bool(self._recognition.met.kinds) and await self._replicas.ready()

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        return await self._prepared(CHAT, request, lambda engine: engine.prepare(request, refuse, client))

    async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        return await self._prepared(COMPLETIONS, request, lambda engine: engine.prepare_text(request, refuse, client))

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        *others, last = self._fit(EMBEDDINGS, request)
        for engine in others:
            try:
                return await engine.embed(request, refuse, client)
            except (EngineUnavailable, RateLimited):
                continue
        return await last.embed(request, refuse, client)

    def _fit(self, operation: str, request: Json) -> list[UpstreamEngine]:
        """Return the engines that honour a request, in order of preference.

        Raises:
            EngineUnavailable: no engine honours it.
        """
        self._see()
        engines = self._engines
        if len(engines) == 1 and not self._recognition.changed:
            return [*engines]
        fit = [engine for engine in engines if self._honours(request, engine.model, operation)]
        if not fit:
            # The kind of a server has changed since the request was checked and found to be supported.
            raise EngineUnavailable("The model's engine has changed. Retry in a moment.")
        random.shuffle(fit)  # the sort is stable, so equals stay in random order
        fit.sort(key=lambda engine: engine.rank(request, operation))
        return fit

    async def _prepared(
        self, operation: str, request: Json, prepare: Callable[[UpstreamEngine], Awaitable[Plan]]
    ) -> Plan:
        plans: list[Plan] = []
        first: ApiError | None = None
        for engine in self._fit(operation, request):
            if plans and engine.rank(request, operation)[0]:
                break
            try:
                plans.append(await prepare(engine))
            except ApiError as error:
                first = first or error
        if not plans:
            assert first is not None
            raise first
        return plans[0] if len(plans) == 1 else AnyPlan(tuple(plans))

    def _see(self) -> None:
        """Rebuild the engines if the recognition has new results since the last call."""
        met = self._recognition.met
        if met is self._met:
            return
        self._met = met
        kinds = met.kinds or (UNKNOWN.name,)
        self._engines = tuple(
            UpstreamEngine(
                self._describe(kind, met),
                kind,
                self._replicas.only(kind) if met.kinds else self._replicas,
                self.drift,
            )
            for kind in kinds
        )
        model = _together(tuple(engine.model for engine in self._engines))
        self._models = (model if met.settled else replace(model, meet=self._recognition.known),)


@dataclass(slots=True)
class AnyPlan:
    """As `base.Plan`, from several plans for one request: if one is not available, the next is used."""

    plans: tuple[Plan, ...]

    async def complete(self, choice: int = 0) -> Completion:
        """As `base.Plan.complete`."""
        for plan in self.plans[:-1]:
            try:
                return await plan.complete(choice)
            except (EngineUnavailable, RateLimited):
                continue
        return await self.plans[-1].complete(choice)

    async def stream(self, choice: int = 0) -> Deltas:
        """As `base.Plan.stream`."""
        for plan in self.plans:
            begun = False
            try:
                async with aclosing(plan.stream(choice)) as deltas:
                    async for delta in deltas:
                        begun = True
                        yield delta
                return
            except (EngineUnavailable, RateLimited):
                if begun or plan is self.plans[-1]:
                    raise


def _together(models: tuple[Model, ...]) -> Model:
    """Combine the variants of a model on several kinds of servers into one model."""
    first, *others = models
    if not others:
        return first
    # Each choice is requested separately, so that the meaning does not depend on which kind is chosen.
    variants = tuple(replace(model, makes_choices=False) for model in models)
    return replace(
        variants[0],
        capabilities=frozenset[str]().union(*(model.capabilities for model in models)),
        extra_parameters=frozenset[str]().union(*(model.extra_parameters for model in models)),
        operations=frozenset[str]().union(*(model.operations for model in models)),
        variants=variants,
    )
