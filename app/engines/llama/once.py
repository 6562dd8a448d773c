"""A value that is computed once, even if many callers request it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """The cached result of ``find``, which the first `get` calls. Failures are not cached."""

    def __init__(self, find: Callable[[], Awaitable[T]]) -> None:
        self._find = find
        self._finding: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """Return the result; raises what ``find`` raises. Cancelling one caller does not cancel it for the others."""
        finding = self._finding
        if finding is None or (finding.done() and (finding.cancelled() or finding.exception() is not None)):
            finding = self._finding = asyncio.ensure_future(self._find())
            finding.add_done_callback(_heard)
        return await asyncio.shield(finding)


def _heard(finding: asyncio.Future[T]) -> None:
    if not finding.cancelled():
        finding.exception()  # marks it as retrieved: no caller may be left to handle it
