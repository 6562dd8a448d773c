"""An upstream in memory, which answers what a test says: no socket is opened."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from app.engines.transport.options import UpstreamOptions
from app.engines.transport.replicas import Events, Explain, Replicas
from app.jsontypes import Json


@dataclass(frozen=True)
class Whole:
    """An answer that is no stream."""

    body: bytes


class ScriptedReplicas(Replicas):
    """An upstream that gives what a test says, and keeps the bodies that it was sent.

    ``answer`` is the body of a whole answer, ``events`` are those of a stream; what is neither text nor bytes is made
    JSON, an exception is raised. ``open`` is the number of streams that are open.
    """

    def __init__(self, answer: Any = None, events: Any = ()) -> None:
        super().__init__(UpstreamOptions(name="peer", base_urls=("http://127.0.0.1:9/v1",)))
        self.answer = answer
        self.events = events
        self.asked: list[Json] = []
        self.open = 0

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    async def ready(self) -> bool:
        return True

    async def get(self, path: str) -> bytes:
        return self._told()

    async def post(self, path: str, body: bytes, *, explain: Explain | None = None, client: str | None = None) -> bytes:
        self.asked.append(json.loads(body))
        return self._told()

    async def stream(self, path: str, body: bytes, *, client: str | None = None) -> AsyncGenerator[Events, None]:
        self.asked.append(json.loads(body))
        self.open += 1
        try:
            # One that was told a whole answer alone gives it here too.
            for event in self.events or [Whole(self._told())]:
                if isinstance(event, Exception):
                    raise event
                yield event.body if isinstance(event, Whole) else [_bytes(event)]
        finally:
            self.open -= 1

    def _told(self) -> bytes:
        if isinstance(self.answer, Exception):
            raise self.answer
        return _bytes(self.answer)


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
