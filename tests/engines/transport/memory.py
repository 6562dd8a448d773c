"""aiohttp's session in memory: what is asked is kept, and the answers are what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from app.engines.transport.attempt import HttpRequest
from app.engines.transport.options import Timeouts

# What a body brings next: bytes, a failure, or nothing until the event is set.
Piece = bytes | Exception | asyncio.Event


class Content:
    """The body of an answer, piece by piece."""

    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = pieces
        self._failed: asyncio.Future[None] | None = None

    async def readany(self) -> bytes:
        self._failed = asyncio.get_running_loop().create_future()
        while self._pieces:
            piece = self._pieces.pop(0)
            if isinstance(piece, bytes):
                return piece
            if isinstance(piece, Exception):
                raise piece
            waiting: asyncio.Future[Any] = asyncio.ensure_future(piece.wait())
            try:
                await asyncio.wait({waiting, self._failed}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            if self._failed.done():
                self._failed.result()
        return b""

    def set_exception(self, error: Exception) -> None:
        assert self._failed is not None
        if not self._failed.done():
            self._failed.set_exception(error)


class Response:
    """An answer. ``closed``: its connection was closed."""

    def __init__(self, *pieces: Piece, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = CIMultiDictProxy(CIMultiDict(headers or {"Content-Type": "application/json"}))
        self.content = Content(list(pieces))
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Session:
    """Gives its answers in turn, the last one for ever, and keeps the arguments of what was asked."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    async def request(self, method: str, url: URL, **more: Any) -> Response:
        self.asked.append({"method": method, "url": url, **more})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def typed(self) -> aiohttp.ClientSession:
        return cast(aiohttp.ClientSession, self)


def request(body: bytes | None = b"{}", *, seconds: float = 60.0, timeouts: Timeouts | None = None) -> HttpRequest:
    """A request whose deadline is in so many seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    url = URL("http://peer/v1/x")
    return HttpRequest("POST", url, CIMultiDict(), body, deadline, timeouts or Timeouts(), secrets=("sk-secret",))
