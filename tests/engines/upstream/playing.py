"""What the tests of the transport share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from app.engines.transport.options import Timeouts, UpstreamOptions
from app.engines.transport.replicas import Replicas
from tests import jumping
from tests.patience import PATIENCE

from ..scripted_replicas import Whole
from .scripted import Answer, Scripted

T = TypeVar("T")
KEY = "sk-upstream-secret"
WIDE = Timeouts(connect=PATIENCE, first_byte=PATIENCE, idle=PATIENCE, total=PATIENCE)


def options(*base_urls: str, **changes: Any) -> UpstreamOptions:
    given = {"name": "m", "base_urls": base_urls, "key": KEY, "timeouts": WIDE, "retries": 0, **changes}
    return UpstreamOptions(**given)


@contextlib.asynccontextmanager
async def started(*base_urls: str, **changes: Any) -> AsyncIterator[Replicas]:
    replicas = Replicas(options(*base_urls, **changes))
    await replicas.start()
    try:
        yield replicas
    finally:
        await replicas.close()


def played(*answers: Answer, use: Callable[[Replicas, Scripted], Awaitable[T]], **changes: Any) -> T:
    """What ``use`` gives, with one upstream that plays the answers."""

    async def run() -> T:
        async with Scripted(*answers) as upstream, started(upstream.base_url, **changes) as replicas:
            return await use(replicas, upstream)

    async def bounded() -> T:
        return await asyncio.wait_for(run(), PATIENCE)

    return jumping.run(bounded())


async def post(replicas: Replicas, _: Scripted | None = None) -> bytes:
    return await replicas.post("/chat/completions", b"{}")


async def stream(replicas: Replicas, _: Scripted | None = None) -> list[bytes | Whole]:
    """The data of all events, or the whole answer."""
    found: list[bytes | Whole] = []
    async for events in replicas.stream("/chat/completions", b"{}"):
        found += [Whole(events)] if isinstance(events, bytes) else events
    return found
