"""What is found out once, however many ask for it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """What ``find`` gives, asked for at the first `get` and kept; a failure is not kept."""

    def __init__(self, find: Callable[[], Awaitable[T]]) -> None:
        self._find = find
        self._finding: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """What was found, raising as ``find``. Who leaves does not end it for others."""
        finding = self._finding
        if finding is None or (finding.done() and (finding.cancelled() or finding.exception() is not None)):
            finding = self._finding = asyncio.ensure_future(self._find())
            finding.add_done_callback(_heard)
        return await asyncio.shield(finding)


def _heard(finding: asyncio.Future[T]) -> None:
    if not finding.cancelled():
        finding.exception()  # nobody may be left to hear of it
