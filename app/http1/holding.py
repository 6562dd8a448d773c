"""How an application reports to the server what it holds for a client: whole answers, until the client has read them.

The server puts a function that takes a number of bytes into the extensions of the scope. Other servers have no such
function; then nothing is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import Scope

HOLD = "parley.hold"


@contextmanager
def held(scope: Scope, size: int) -> Iterator[None]:
    """Count ``size`` bytes as held for the client of a request for as long as the block lasts."""
    hold: Callable[[int], None] = scope.get("extensions", {}).get(HOLD, _uncounted)
    hold(size)
    try:
        yield
    finally:
        hold(-size)


def _uncounted(_size: int) -> None:
    pass
