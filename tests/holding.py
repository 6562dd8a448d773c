"""An upstream that holds its answers back until a test lets them go: what happens meanwhile is then no matter of time.

with holding() as upstream, serve("echo", relaying(folder, upstream.entry("say"))) as server:
    ...  # streams of the model say have begun with the word "word"
    upstream.release()
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from .engines import chunks
from .engines.upstream.scripted import EVENTS_HEAD, LAST_CHUNK, Connection, Scripted, chunk, event, serving, whole
from .patience import PATIENCE, wait_until

# How many words an answer has: the first, and those that are held back.
WORDS = 4


class Holding:
    """Streams come as far as their first word, whole answers not at all, and of what the model ``silent`` says nothing
    comes, until `release`. Those that are asked for after `hold` are held back again. ``left`` counts the clients that
    have gone instead of waiting."""

    def __init__(self) -> None:
        self.left = 0
        self.upstream = Scripted()
        self._released = threading.Event()

    def hold(self) -> None:
        self._released.clear()

    def release(self) -> None:
        self._released.set()

    def wait_for(self, requests: int) -> None:
        """Wait until so many requests have come, all told."""
        wait_until(lambda: len(self.upstream.received) >= requests, "the upstream has not been asked")

    @property
    def open(self) -> int:
        """How many requests are under way."""
        return self.upstream.open

    def entry(self, name: str, *, silent: bool = False, more: str = "") -> str:
        """A model for the configuration file that this upstream answers."""
        return (
            f'[models.{name}]\nengine = "upstream"\nbase_urls = ["{self.upstream.base_url}"]\nretries = 0\n'
            f'upstream_model = "{"silent" if silent else "theirs"}"\n'
            f"timeouts = {{ first_byte = {PATIENCE}, idle = {PATIENCE} }}\n{more}\n"
        )

    async def answer(self, connection: Connection) -> None:
        asked = connection.request.json
        if not asked.get("stream"):
            await self._held(connection)
            await whole(chunks.completion({"message": {"role": "assistant", "content": "word " * WORDS}}))(connection)
            return
        begin = [EVENTS_HEAD, *_chunks(chunks.chunk(chunks.ROLE), chunks.chunk({"content": "word"}))]
        end = _chunks(
            *[chunks.chunk({"content": " word"})] * (WORDS - 1),
            chunks.chunk({}, "stop"),
            *([chunks.last_chunk()] if asked.get("stream_options", {}).get("include_usage") else []),
        )
        if asked["model"] != "silent":
            await connection.send(b"".join(begin))
            begin = []
        await self._held(connection)
        await connection.send(b"".join([*begin, *end, chunk(event(b"[DONE]")), LAST_CHUNK]))

    async def _held(self, connection: Connection) -> None:
        while not self._released.is_set():
            if connection.reader.at_eof():
                self.left += 1
                raise ConnectionResetError
            await asyncio.sleep(0.01)


def _chunks(*values: object) -> list[bytes]:
    return [chunk(event(value)) for value in values]


@contextlib.contextmanager
def holding() -> Iterator[Holding]:
    """An upstream in a thread of its own."""
    made = Holding()
    with serving(made.answer) as upstream:
        made.upstream = upstream
        try:
            yield made
        finally:
            made.release()


def relaying(folder: Path, *entries: str) -> dict[str, str | None]:
    """The environment of a server with these models; its configuration file lies in a folder."""
    path = folder / "parley.toml"
    path.write_text("\n".join(entries))
    return {"PARLEY_ENGINE": None, "PARLEY_CONFIG": str(path)}
