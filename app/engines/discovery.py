"""The models of an upstream that lists its own models: the list is requested when the worker starts, and again until
the upstream answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import cast

from ..errors import ApiError, EngineUnavailable
from ..jsontypes import Json
from .base import Embedded, EmbeddingEngine, Engine, Model, Plan, Refuse, TextEngine
from .dialects.known import AUTO
from .recognition import Met, Recognition
from .transport.replicas import Replicas
from .upstream import list_upstream_models

# Seconds between two requests for the list: the first pause and the longest.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
# Seconds for which a start waits for the first answer. A worker that takes another one's place then knows the models
# before it gets requests, as long as the upstream is there; one that is not does not hold the start up.
_FIRST_ANSWER = 0.5

log = logging.getLogger("parley")


class DiscoveringEngine:
    """As `base.Engine`, without models until the upstream has listed them.

    ``open_replicas`` returns the transport to the upstream. ``relay`` returns the engine of one of its models on that
    transport; it gets a `Recognition` if ``dialect`` is to be detected. In that case the list is requested again when
    the upstream becomes a server of another kind.
    """

    def __init__(
        self,
        open_replicas: Callable[[], Replicas],
        relay: Callable[[Model, Replicas, Recognition | None], Engine],
        dialect: str,
    ) -> None:
        self._open = open_replicas
        self._relay = relay
        self._dialect = dialect
        self._engines: dict[str, Engine] = {}
        self._models: tuple[Model, ...] = ()
        self._met: Met | None = None  # of the models
        self._replicas: Replicas | None = None
        self._recognition: Recognition | None = None
        self._asking: asyncio.Task[None] | None = None
        # Whether the list has been requested once, with whatever result.
        self._asked = asyncio.Event()

    @property
    def models(self) -> tuple[Model, ...]:
        # A server may list very many models; they change with the list, and with what is known of the server.
        recognition = self._recognition
        if recognition is not None and recognition.met is not self._met:
            self._list()
        return self._models

    async def start(self) -> None:
        """Start requesting the list in the background, and wait a moment for the first answer."""
        self._replicas = self._open()
        await self._replicas.start()
        if self._dialect == AUTO:
            self._recognition = Recognition(self._replicas)
            self._recognition.start()
        self._asking = asyncio.create_task(self._ask(self._replicas))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_ANSWER):
                await self._asked.wait()

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._asking
        engines, self._engines = self._engines, {}
        self._list()
        for engine in engines.values():
            await engine.close()
        if self._recognition is not None:
            await self._recognition.close()
        if self._replicas is not None:
            await self._replicas.close()

    async def ready(self) -> bool:
        """Whether the models are known and the upstream can be reached."""
        return bool(self._engines) and self._replicas is not None and await self._replicas.ready()

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        return await self._engine(request).prepare(request, refuse, client)

    async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> Plan:
        return await cast(TextEngine, self._engine(request)).prepare_text(request, refuse, client)

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        return await cast(EmbeddingEngine, self._engine(request)).embed(request, refuse, client)

    def _engine(self, request: Json) -> Engine:
        engine = self._engines.get(request["model"])
        if engine is None:
            raise EngineUnavailable("The model's engine is being stopped. Retry in a moment.")
        return engine

    def _list(self) -> None:
        self._met = None if self._recognition is None else self._recognition.met
        self._models = tuple(model for engine in self._engines.values() for model in engine.models)

    async def _ask(self, replicas: Replicas) -> None:
        recognition = self._recognition
        pause = _FIRST_PAUSE
        while True:
            try:
                if recognition is not None:
                    await recognition.known()
                models = await list_upstream_models(replicas, self._dialect)
            except ApiError as error:
                log.warning("the upstream does not list its models (%s); it will be asked again", error.code)
            except Exception:
                log.exception("the upstream does not list its models; it will be asked again")
            else:
                here = self._engines
                self._engines = {
                    model.id: here.get(model.id) or self._relay(model, replicas, recognition) for model in models
                }
                self._list()
                log.info("the upstream has %d models", len(self._engines))
                self._asked.set()
                if recognition is None:
                    return
                await recognition.change()
                pause = _FIRST_PAUSE
                continue
            self._asked.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
