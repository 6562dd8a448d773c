"""How long tests wait for what must come. Only a failure reaches these bounds: a machine that is busy with other work
makes a test slower and nothing else."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.process import cpu_seconds

# Seconds for anything that is waited for, a start of a server as well as an answer.
PATIENCE = 120.0
_PAUSE = 0.01


def wait_until(condition: Callable[[], object], what: str | Callable[[], str] = "it has not come true") -> None:
    """Wait until a condition holds; ``what`` is said when it does not.

    Raises:
        AssertionError: it does not hold within `PATIENCE`.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(_PAUSE)


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, while the event loop goes on.

    Raises:
        TimeoutError: it does not hold within `PATIENCE`.
    """
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE)


@contextmanager
def little_work(seconds: float) -> Iterator[None]:
    """Holds the block to an amount of CPU time of this process and those that it started: what others do to the
    machine does not count."""
    begun = cpu_seconds(os.getpid())
    yield
    assert cpu_seconds(os.getpid()) - begun < seconds, "it took much more work than it should"
