"""What a client still sends after a refusal is read and dropped; what has come to its end is not waited for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message

from app.engines.echo import EchoEngine
from app.settings import Settings
from app.wiring import wire

from ..patience import PATIENCE
from .twins import VERSIONS, write_twin

FORM = b'--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'


@pytest.fixture
def app(tmp_path: Path) -> ASGIApp:
    served: ASGIApp = wire(Settings(api_keys=("k",), spec=write_twin(VERSIONS[-1], tmp_path)), EchoEngine())
    return served


class NeverAsked(BaseException):
    """The application wants more of a body that has come to its end."""


def post(app: ASGIApp, path: str, *pieces: bytes, **headers: str) -> tuple[int, int]:
    """The status of an answer, and how many pieces of the body were taken before the application was done."""
    given = {"content-type": "multipart/form-data; boundary=b", "content-length": str(sum(map(len, pieces))), **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": None,
        "server": ("localhost", None),
    }
    left = list(pieces)
    sent: list[Message] = []

    async def receive() -> Message:
        if not left:
            raise NeverAsked
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(asyncio.wait_for(app(scope, receive, send), PATIENCE))
    return sent[0]["status"], len(pieces) - len(left)


@pytest.mark.parametrize("body", [b"--b--\r\n", b"garbage", FORM + b"x"])
def test_a_form_that_is_refused_at_its_end_leaves_the_connection_free_at_once(app: ASGIApp, body: bytes) -> None:
    assert post(app, "/api/files", body) == (400, 1)


def test_a_body_that_nobody_reads_is_taken_to_its_end(app: ASGIApp) -> None:
    assert post(app, "/nowhere", b"a", b"b", b"c") == (404, 3)


def test_a_client_that_waits_to_be_told_to_send_is_not_waited_for(app: ASGIApp) -> None:
    assert post(app, "/nowhere", b"a", b"b", expect="100-continue") == (404, 0)


def test_a_body_without_end_is_dropped_within_bounds(app: ASGIApp) -> None:
    status, taken = post(app, "/nowhere", *[bytes(16 << 20)] * 8)
    assert status == 404
    assert taken == 4
