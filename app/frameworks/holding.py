"""How an application tells the server what it keeps for a client: whole answers, until the client has read them.

The server puts a function among the extensions of the scope, which takes a number of bytes. Other servers have none;
then nothing is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import Scope

HOLD = "parley.hold"


@contextmanager
def held(scope: Scope, size: int) -> Iterator[None]:
    """So many bytes are kept for the client of a request meanwhile."""
    hold: Callable[[int], None] = scope.get("extensions", {}).get(HOLD, _uncounted)
    hold(size)
    try:
        yield
    finally:
        hold(-size)


def _uncounted(_size: int) -> None:
    pass
