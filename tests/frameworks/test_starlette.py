"""What is relied on in Starlette is as `app.frameworks.starlette` says."""

from __future__ import annotations

import asyncio

from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from app.frameworks.starlette import RefusingCORSMiddleware


def preflight(origin: str) -> tuple[list[Message], list[int]]:
    """What a page's browser is answered, and with which statuses that was refused."""
    sent: list[Message] = []
    refused: list[int] = []

    def refuse(status: int, headers: dict[str, str]) -> Response:
        refused.append(status)
        assert not {"content-length", "content-type"} & set(headers)
        return PlainTextResponse("refused", status, headers)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("a preflight goes no further")

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {b"origin": origin.encode(), b"access-control-request-method": b"POST"}
    scope: Scope = {"type": "http", "method": "OPTIONS", "path": "/", "headers": list(headers.items())}
    middleware = RefusingCORSMiddleware(app, refuse, allow_origins=["https://good"], allow_methods=["*"])
    asyncio.run(middleware(scope, receive, send))
    return sent, refused


def test_a_preflight_that_is_not_allowed_is_refused_by_the_function_that_is_given() -> None:
    sent, refused = preflight("https://bad")
    assert refused == [400]
    assert sent[0]["status"] == 400
    assert sent[1]["body"] == b"refused"
    assert b"vary" in dict(sent[0]["headers"])


def test_one_that_is_allowed_is_answered_by_starlette() -> None:
    sent, refused = preflight("https://good")
    assert not refused
    assert dict(sent[0]["headers"])[b"access-control-allow-origin"] == b"https://good"
