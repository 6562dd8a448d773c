"""How an application reports to the server what it holds for a client: whole answers, until the client has read them.

The server puts a function that takes a number of bytes into the extensions of the scope. Other servers have no such
function; then nothing is counted.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Scope

HOLD = "parley.hold"


class Held:
    """Count ``size`` bytes as held for the client of a request for as long as the block lasts."""

    __slots__ = ("_hold", "_size")

    def __init__(self, scope: Scope, size: int) -> None:
        self._hold: Callable[[int], None] | None = scope.get("extensions", {}).get(HOLD)
        self._size = size

    def __enter__(self) -> None:
        if self._hold is not None:
            self._hold(self._size)

    def __exit__(self, *_error: object) -> None:
        if self._hold is not None:
            self._hold(-self._size)
