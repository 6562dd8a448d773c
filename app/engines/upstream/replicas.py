"""A model elsewhere, served by several replicas: the transport that an engine stands on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Final

from .options import Timeouts, UpstreamOptions

__all__ = ["MISSING_DONE", "Replicas", "Timeouts", "UpstreamOptions", "Whole"]

# Comes last, in place of data, from a stream that ended in good order but without ``[DONE]``. It is not JSON.
MISSING_DONE: Final = b"[missing DONE]"


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer as a whole; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Replicas:
    def __init__(self, options: UpstreamOptions) -> None:
        self.options = options

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool:
        raise NotImplementedError

    async def get(self, path: str) -> Whole:
        raise NotImplementedError

    async def post(self, path: str, body: bytes) -> Whole:
        raise NotImplementedError

    async def stream(self, path: str, body: bytes) -> AsyncGenerator[bytes | Whole, None]:
        raise NotImplementedError
        yield b""
