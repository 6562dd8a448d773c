"""Replicas over HTTP in memory, and how to ask them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from app.engines.transport.options import UpstreamOptions
from app.engines.transport.replicas import Replicas

from ...patience import PATIENCE
from .memory import Http, Piece, Response

EVENTS = {"Content-Type": "text/event-stream"}
A, B = b'{"a": 1}', b'{"b": 2}'
DONE = b"data: [DONE]\n\n"


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def streaming(*pieces: Piece) -> Response:
    return Response(*pieces, headers=EVENTS)


def good() -> Response:
    return Response(A)  # also where a stream was asked for


def busy(status: int = 503, **headers: str) -> Response:
    return Response(b"{}", status=status, headers=headers)


class Opened:
    """Replicas over HTTP in memory."""

    def __init__(self, http: Http, urls: tuple[str, ...], supervised: bool, options: dict[str, Any]) -> None:
        given: dict[str, Any] = {"name": "m", "base_urls": urls, "key": "sk-secret", "health_path": None, **options}
        self.http = http
        self.replicas = Replicas(UpstreamOptions(**given), supervised=supervised)

    @property
    def hosts(self) -> list[str]:
        """Whom the requests went to."""
        return [target.origin.host for target, *_ in self.http.asked]

    @property
    def outstanding(self) -> int:
        return sum(replica.outstanding for replica in self.replicas._replicas)


Open = Callable[..., Opened]
Answer = Response | Exception


def run(made: Opened, use: Callable[[Replicas], Awaitable[Any]]) -> Any:
    async def test() -> Any:
        await made.replicas.start()
        try:
            return await use(made.replicas)
        finally:
            assert made.outstanding == 0
            await made.replicas.close()

    return asyncio.run(asyncio.wait_for(test(), PATIENCE))


async def post(replicas: Replicas) -> bytes:
    return await replicas.post("/x", b"{}")


async def stream(replicas: Replicas) -> list[Any]:
    return [step async for step in replicas.stream("/x", b"{}")]
