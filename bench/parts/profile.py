"""Where a small request's time goes inside the application: the functions that are hottest by their own time.

The profiler makes every call dearer, small ones most: the order tells, the microseconds do not.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import logging
import pstats
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from app import create_app
from app.settings import Settings

from .. import server
from ..table import Table

CALLS = 2_000
SHOWN = 25

Call = Callable[[], Awaitable[None]]


def run(table: Table) -> None:
    """Call the application without HTTP, first as it is, then under the profiler."""
    asyncio.run(_profile(table))


async def _profile(table: Table) -> None:
    server.SCRATCH.mkdir(exist_ok=True)
    # The request log is written as in a server, into a file.
    with (server.SCRATCH / "profile.log").open("w") as file:
        logger = logging.getLogger("parley")
        logger.addHandler(logging.StreamHandler(file))
        logger.setLevel(logging.INFO)
        logger.propagate = False
        app = create_app(Settings(engine="echo", api_keys=(server.KEY,)))
        call = _caller(app)
        await _repeat(call, 200)
        begin = time.process_time()
        await _repeat(call, CALLS)
        spent = (time.process_time() - begin) / CALLS * 1e6
        table.add("profile", "CPU per request without HTTP", f"{spent:5.0f} us")
        profiler = cProfile.Profile()
        profiler.enable()
        await _repeat(call, CALLS)
        profiler.disable()
    _show(pstats.Stats(profiler))


async def _repeat(call: Call, count: int) -> None:
    for _ in range(count):
        await call()


def _caller(app: Any) -> Call:
    body = json.dumps(
        {"model": "parley-echo", "messages": [{"role": "user", "content": "Hello there!"}]}, separators=(",", ":")
    ).encode()
    headers = [(name.lower().encode(), value.encode()) for name, value in server.HEADERS.items()]
    headers += [(b"host", b"127.0.0.1"), (b"accept", b"*/*"), (b"content-length", str(len(body)).encode())]

    async def call() -> None:
        sent = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

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
        assert sent[0]["status"] == 200, sent

    return call


def _show(stats: pstats.Stats) -> None:
    # pstats prints files and seconds; a request has microseconds. Its numbers have no public name with types.
    entries = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    print(f"{'own us':>8} {'sum us':>8} {'calls':>6}  function")
    for (path, line, name), (_, calls, own, total, _) in entries[:SHOWN]:
        place = f"{_short(path)}:{line} {name}" if line else name
        print(f"{own / CALLS * 1e6:8.1f} {total / CALLS * 1e6:8.1f} {calls / CALLS:6.1f}  {place}")


def _short(path: str) -> str:
    return "/".join(Path(path).parts[-3:])
