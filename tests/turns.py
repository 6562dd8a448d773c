"""Whether others have their turn on an event loop while work is done on it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


def turns_of_others(work: Coroutine[Any, Any, object]) -> int:
    """How often others have their turn before the work ends. What it raises is raised."""

    async def both() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        try:
            await work
        finally:
            beside.cancel()
        return turns

    return asyncio.run(both())
