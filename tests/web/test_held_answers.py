"""A whole answer counts as held for its client for as long as the bridge keeps it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.http1.holding import HOLD
from app.web import sending
from app.web.bridge import Bridge
from app.web.view import PENDING, PendingReply, ReplyEncoder

from .asgi import Client, hooks_around, http_scope, run

SIZE = 5 * sending._PIECE


def flasks(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"a" * SIZE]


def handlers(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    async def reply() -> str:
        return "a" * SIZE

    environ[PENDING] = PendingReply(ReplyEncoder(), reply())
    start_response("200 OK", [])
    return []


async def sizes(app: Any, operation: str | None) -> tuple[int, int]:
    """What is held while the client does not read, and when it has."""
    held = 0

    def hold(size: int) -> None:
        nonlocal held
        held += size

    client = Client()
    client.reading.clear()
    scope = http_scope(operation=operation)
    scope["extensions"][HOLD] = hold
    serve = Bridge(hooks_around(app), {}, ping_interval=60, write_timeout=60)
    serving = asyncio.create_task(serve(scope, client.receive, client.send))
    for _ in range(10):
        await asyncio.sleep(0)
    meanwhile = held
    client.reading.set()
    await serving
    assert len(client.body) == SIZE
    return meanwhile, held


@pytest.mark.parametrize("app", [flasks, handlers])
def test_a_whole_answer_counts_until_it_is_read(app: Any) -> None:
    assert run(sizes(app, "it")) == (SIZE, 0)


def test_a_page_does_not_for_all_share_its_bytes() -> None:
    assert run(sizes(flasks, None)) == (0, 0)
