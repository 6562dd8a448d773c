"""The application without HTTP, in this process: called as an ASGI server would call it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from . import server

Call = Callable[[], Awaitable[None]]


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """The request log is written as in a server, into a file."""
    path.parent.mkdir(exist_ok=True)
    logger = logging.getLogger("parley")
    before = logger.level, logger.propagate
    with path.open("w") as file:
        handler = logging.StreamHandler(file)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before[0])
            logger.propagate = before[1]


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Start and stop the application as a server does."""
    said: asyncio.Queue[str] = asyncio.Queue()
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def receive() -> dict[str, Any]:
        return {"type": await said.get()}

    async def send(message: dict[str, Any]) -> None:
        heard.put_nowait(message["type"])

    task = asyncio.ensure_future(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))
    said.put_nowait("lifespan.startup")
    if await heard.get() != "lifespan.startup.complete":
        raise RuntimeError("the application did not start")
    yield
    said.put_nowait("lifespan.shutdown")
    await task


def contents(messages: int) -> list[str]:
    """The texts of so many messages, which are longer if there are several."""
    return ["Hello there! " * (1 if messages == 1 else 12)] * messages


def body(model: str, messages: int = 1, **parameters: Any) -> bytes:
    """The body of a request with so many messages."""
    said = [{"role": "user", "content": content} for content in contents(messages)]
    asked = {"model": model, "messages": said, **parameters}
    return json.dumps(asked, separators=(",", ":")).encode()


def caller(app: Any, content: bytes) -> Call:
    """What sends a request with this body to the application.

    Raises (when it is called):
        RuntimeError: the answer is no 200.
    """
    headers = [(name.lower().encode(), value.encode()) for name, value in server.HEADERS.items()]
    headers += [(b"host", b"127.0.0.1"), (b"accept", b"*/*"), (b"content-length", str(len(content)).encode())]

    async def call() -> None:
        status = []
        requests = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not requests:
                await asyncio.Event().wait()  # the client stays
            return requests.pop()

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/chat/completions",
            "raw_path": b"/v1/chat/completions",
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8080),
            "state": {},
        }
        await app(scope, receive, send)
        if status != [200]:
            raise RuntimeError(f"the application answered {status}")

    return call


async def until_it_answers(call: Call) -> None:
    """Call until there is an answer: an upstream is asked for its models after the start.

    Raises:
        RuntimeError: there is none within five seconds.
    """
    for _ in range(100):
        with contextlib.suppress(RuntimeError):
            return await call()
        await asyncio.sleep(0.05)
    raise RuntimeError("the application gives no answer with 200")


async def repeat(call: Call, count: int, concurrency: int = 1) -> None:
    """Call ``count`` times, ``concurrency`` at a time."""
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await call()

    await asyncio.gather(*[worker() for _ in range(concurrency)])
