"""An engine that gives what a test says and keeps what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from app.engines.base import Completion, Delta, Deltas, Model, Refuse, StreamItem, usage_of
from app.engines.collecting import collect
from app.errors import UnsupportedParameter
from app.jsontypes import Json

MODEL = Model("m", created=1, owned_by="parley", fingerprint="fp_m", capabilities=frozenset({"sampling", "length"}))

# A step of a stream: what it gives, what it fails with, or what it waits for.
Step = StreamItem | Exception | asyncio.Event
Script = Callable[[int], Iterable[Step]]


def answer(choice: int = 0) -> list[Step]:
    """A good stream of one choice."""
    return [Delta(0, {"content": f"a{choice}"}), Delta(0, {}, "stop"), {"usage": usage_of(3, choice + 1)}]


class ScriptedPlan:
    """As `base.Plan`: the steps of the script for each choice. ``begun`` are the choices that were asked for, ``open``
    those whose streams are open, ``given`` counts the steps."""

    def __init__(self, script: Script = answer) -> None:
        self._script = script
        self.begun: list[int] = []
        self.open: set[int] = set()
        self.given = 0

    async def complete(self, choice: int = 0) -> Completion:
        return await collect(self.stream(choice))

    async def stream(self, choice: int = 0) -> Deltas:
        self.begun.append(choice)
        self.open.add(choice)
        try:
            for step in self._script(choice):
                self.given += 1
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            self.open.discard(choice)


class ScriptedEngine:
    """As `base.Engine`, of some models whose requests all have one plan. ``asked`` are the requests; each of ``lacks``
    is a parameter that it finds out that it cannot honour."""

    def __init__(self, *models: Model, plan: ScriptedPlan | Exception | None = None, lacks: Iterable[str] = ()) -> None:
        self.models = models or (MODEL,)
        self.plan = plan if plan is not None else ScriptedPlan()
        self.lacks = tuple(lacks)
        self.asked: list[Json] = []

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    async def ready(self) -> bool:
        return True

    async def prepare(self, request: Json, refuse: Refuse) -> ScriptedPlan:
        self.asked.append(request)
        for name in self.lacks:
            if name in request:
                refuse(UnsupportedParameter("Not here.", param=name))
        if isinstance(self.plan, Exception):
            raise self.plan
        return self.plan
