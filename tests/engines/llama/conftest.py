from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.engines.base import Refuse
from app.engines.llama.plan import LlamaPlan

from ..asking import prepare
from ..asking import refuse as raising
from .requests import HELLO
from .scripted_process import ScriptedProcess, engine_on


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
