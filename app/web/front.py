"""The outermost layer: it gives every request an id, adds the id to every answer, and logs one line per request."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..jsontypes import Json
from ..random_ids import random_id
from .exchange import Exchange

log = logging.getLogger("parley.requests")

# A reverse proxy may have set an id already. It is kept if it is safe to repeat in a header and a log.
_SAFE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class FrontMiddleware:
    """``x-request-id`` and the request log. Below it, `Exchange.of` finds the request's exchange."""

    def __init__(self, app: ASGIApp, *, log_format: str) -> None:
        self.app = app
        self.format: Callable[[Json], str] = _as_json if log_format == "json" else _as_text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self.app(scope, receive, send)
            return
        if not scope["path"].startswith("/"):
            scope["path"] = _origin_form(scope["path"])
        begin = time.perf_counter()
        request_id = _request_id(scope["headers"])
        exchange = Exchange(request_id.decode())
        exchange.attach(scope)

        is_head = scope["method"] == "HEAD"

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id), *exchange.headers]
            elif is_head:
                message = {**message, "body": b""}
            return send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if exchange.account is not None:
                exchange.account.leave(exchange.status or 499)
            if log.isEnabledFor(logging.INFO):
                line = {
                    "id": exchange.request_id,
                    "method": scope["method"],
                    "path": scope["path"],
                    # 499, as in nginx: the client disconnected before there was an answer.
                    "status": exchange.status or 499,
                    "ms": round((time.perf_counter() - begin) * 1000, 1),
                    "key": exchange.key_name,
                    **exchange.log,
                }
                _write(self.format(line))


def _write(line: str) -> None:
    """Log a line. As ``log.info`` does it, but without a search for the caller, which is always this one."""
    log.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, "%s", (line,), None, "_write"))


def _origin_form(target: str) -> str:
    """Return the path of a target in absolute form, ``http://host/path``, which a server must accept (RFC 9112, 3.2.2).
    Other targets are returned as they are."""
    scheme, mark, rest = target.partition("://")
    return "/" + rest.partition("/")[2] if mark and scheme.lower() in ("http", "https") else target


def _request_id(headers: list[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"x-request-id" and _SAFE_ID.fullmatch(value):
            return value
    return b"req_" + random_id().encode()


# `json.dumps` would make an encoder for each line.
_as_json: Callable[[Json], str] = json.JSONEncoder(separators=(",", ":")).encode


def _as_text(line: Json) -> str:
    fields = []
    for name, value in line.items():
        if value is not None:
            text = str(value)
            # The client chooses the path: it is escaped so that no line break or escape sequence reaches a terminal.
            if not (text.isascii() and text.isprintable()) or " " in text:
                text = json.dumps(text)
            fields.append(f"{name}={text}")
    return " ".join(fields)
