"""The HTTP client in memory: what is asked is kept, and the answers are what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from app.engines.transport.attempt import HttpRequest
from app.engines.transport.http.answer import Times
from app.engines.transport.http.client import Client
from app.engines.transport.http.request import Fields, Target
from app.engines.transport.options import Timeouts

# What a body brings next: bytes, a failure, or nothing until the event is set.
Piece = bytes | Exception | asyncio.Event


class Response:
    """An answer. ``closed``: its connection was closed."""

    def __init__(self, *pieces: Piece, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        given = headers or {"Content-Type": "application/json"}
        self.fields = {name.lower(): value for name, value in given.items()}
        self.pieces = list(pieces)
        self.closed = self.left = False

    def field(self, name: bytes) -> str:
        return self.fields.get(name.decode(), "")

    async def read(self) -> bytes:
        while self.pieces:
            piece = self.pieces.pop(0)
            if isinstance(piece, bytes):
                return piece
            if isinstance(piece, Exception):
                raise piece
            await piece.wait()
        return b""

    def close(self) -> None:
        self.closed = not self.left

    def leave(self) -> None:
        self.left = True


class Http:
    """Gives its answers in turn, the last one for ever, and keeps the arguments of what was asked."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Target, Fields, bytes | None, Times]] = []

    async def request(self, target: Target, fields: Fields, body: bytes | None, times: Times) -> Response:
        self.asked.append((target, fields, body, times))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def typed(self) -> Client:
        return cast(Client, self)


def request(body: bytes | None = b"{}", *, seconds: float = 60.0, **timeouts: Any) -> HttpRequest:
    """A request whose deadline is in so many seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    target = Target("http://peer/v1/x")
    return HttpRequest(target, Fields(), body, deadline, Timeouts(**timeouts), secrets=("sk-secret",))
