"""Where the time goes inside the application: the functions that are hottest by their own time, in a small request, in
one that is relayed, and in the chunks of a relayed stream.

The profiler makes every call dearer, small ones most: the order tells, the microseconds do not.
"""

from __future__ import annotations

import asyncio
import contextlib
import cProfile
import json
import logging
import pstats
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from app import create_app
from app.settings import Settings

from .. import server
from ..table import Table

CALLS = 2_000
RELAYED_CALLS = 1_000
LONG_CALLS = 50
LONG = 1_000  # messages
CHUNKS = 400
STREAMS = 8
SHOWN = 25

Call = Callable[[], Awaitable[None]]


def run(table: Table) -> None:
    """Call the application without HTTP, first as it is, then under the profiler."""
    server.SCRATCH.mkdir(exist_ok=True)
    with _logging():
        app = create_app(Settings(engine="echo", api_keys=(server.KEY,)))
        asyncio.run(_profile(table, app))
        with server.upstream() as upstream:
            relaying = create_app(Settings.from_environment(server.relay_settings(upstream)))
            asyncio.run(_profile_relay(table, relaying))


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    """The request log is written as in a server, into a file."""
    with (server.SCRATCH / "profile.log").open("w") as file:
        logger = logging.getLogger("parley")
        logger.addHandler(logging.StreamHandler(file))
        logger.setLevel(logging.INFO)
        logger.propagate = False
        yield


async def _profile(table: Table, app: Any) -> None:
    call = _caller(app, _body("parley-echo"))
    await _repeat(call, 200)
    begin = time.process_time()
    await _repeat(call, CALLS)
    spent = (time.process_time() - begin) / CALLS * 1e6
    table.add("profile", "CPU per request without HTTP", f"{spent:5.0f} us")
    await _shown("a small request", CALLS, partial(_repeat, call, CALLS))


async def _profile_relay(table: Table, app: Any) -> None:
    async with _lifespan(app):
        call = _caller(app, _body("every-0"))
        await _until_it_answers(call)
        await _repeat(call, 200)
        begin = time.process_time()
        await _repeat(call, RELAYED_CALLS)
        spent = (time.process_time() - begin) / RELAYED_CALLS * 1e6
        table.add("profile", "CPU per relayed request, HTTP to the upstream alone", f"{spent:5.0f} us")
        await _shown("a relayed request", RELAYED_CALLS, partial(_repeat, call, RELAYED_CALLS))

        long = _caller(app, _body("every-0", LONG))
        await _repeat(long, 5)
        await _shown(f"a relayed request, {LONG:,} messages", LONG_CALLS, partial(_repeat, long, LONG_CALLS))

        stream = _caller(app, _body("every-5", stream=True, max_tokens=CHUNKS))

        async def streams() -> None:
            await asyncio.gather(*[stream() for _ in range(STREAMS)])

        begin = time.process_time()
        await streams()
        spent = (time.process_time() - begin) / STREAMS / CHUNKS * 1e6
        table.add("profile", "CPU per relayed chunk, HTTP to the upstream alone", f"{spent:5.0f} us")
        await _shown("a chunk, one every 5 ms", STREAMS * CHUNKS, streams)


async def _shown(what: str, count: int, work: Call) -> None:
    # By the clock of the CPU: a relay waits most of the time.
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    await work()
    profiler.disable()
    print(f"{what}:")
    _show(pstats.Stats(profiler), count)


async def _repeat(call: Call, count: int) -> None:
    for _ in range(count):
        await call()


async def _until_it_answers(call: Call) -> None:
    """The upstream is asked for its models after the start."""
    for _ in range(100):
        with contextlib.suppress(RuntimeError):
            return await call()
        await asyncio.sleep(0.05)


def _body(model: str, messages: int = 1, **parameters: Any) -> bytes:
    message = {"role": "user", "content": "Hello there! " * (1 if messages == 1 else 12)}
    asked = {"model": model, "messages": [message] * messages, **parameters}
    return json.dumps(asked, separators=(",", ":")).encode()


@contextlib.asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
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


def _caller(app: Any, body: bytes) -> Call:
    headers = [(name.lower().encode(), value.encode()) for name, value in server.HEADERS.items()]
    headers += [(b"host", b"127.0.0.1"), (b"accept", b"*/*"), (b"content-length", str(len(body)).encode())]

    async def call() -> None:
        status = []
        requests = [{"type": "http.request", "body": body, "more_body": False}]

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


def _show(stats: pstats.Stats, count: int) -> None:
    # pstats prints files and seconds; a request has microseconds. Its numbers have no public name with types.
    entries = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    print(f"{'own us':>8} {'sum us':>8} {'calls':>6}  function")
    for (path, line, name), (_, calls, own, total, _) in entries[:SHOWN]:
        place = f"{_short(path)}:{line} {name}" if line else name
        print(f"{own / count * 1e6:8.1f} {total / count * 1e6:8.1f} {calls / count:6.1f}  {place}")


def _short(path: str) -> str:
    return "/".join(Path(path).parts[-3:])
