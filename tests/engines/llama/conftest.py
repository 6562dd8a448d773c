from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from app.engines.base import Refuse
from app.engines.llama.plan import LlamaPlan

from ...patience import PATIENCE
from ..asking import prepare
from ..asking import refuse as raising
from .requests import HELLO
from .scripted_process import ScriptedProcess, engine_on

T = TypeVar("T")


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., LlamaPlan]:
    """The plan of a request to a process."""

    def plan(
        process: ScriptedProcess, *capabilities: str, refuse: Refuse = raising, times: int = 1, **request: Any
    ) -> LlamaPlan:
        async def run() -> LlamaPlan:
            engine = engine_on(process, *capabilities, monkeypatch=monkeypatch)
            for _ in range(times):
                made = await prepare(engine, {"messages": HELLO, **request}, refuse)
            assert isinstance(made, LlamaPlan)
            return made

        return asyncio.run(run())

    return plan


@pytest.fixture
def using(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """What ``use`` gives of the plan of a request to a process."""

    def run(process: ScriptedProcess, use: Callable[[LlamaPlan], Awaitable[T]], *more: str, **request: Any) -> T:
        async def test() -> T:
            plan = await prepare(engine_on(process, *more, monkeypatch=monkeypatch), {"messages": HELLO, **request})
            assert isinstance(plan, LlamaPlan)
            return await use(plan)

        return asyncio.run(asyncio.wait_for(test(), PATIENCE))

    return run
