"""Any exception becomes ``{"error": {"message", "type", "param", "code"}}``: the one error format, unless the document
has its own format and the settings say to follow it (see `app.web.conventions`).

Only the kind of failure is logged of a request. For our own faults the log has the traceback without the exception's
message, which may contain data that a client sent.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Sequence
from http import HTTPStatus

from connexion.exceptions import ProblemException
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ApiError, BadRequest, MethodNotAllowed, NotFound, ServerError, Unauthorized
from ..frameworks.connexion import operation_of
from .conventions import OURS, Conventions
from .exchange import Exchange

log = logging.getLogger("parley")

# A client that is still sending does not read the answer. After a refusal the rest of its body is read and dropped,
# within these limits, so that a connection reset does not lose the answer.
_DRAIN_BYTES = 64 * 1024 * 1024
# A small chunk takes as long as this many bytes.
_DRAIN_LEAST = 2048
_DRAIN_SECONDS = 5.0


def to_api_error(error: BaseException, allow: Callable[[], Sequence[str]] = tuple, sending: str = "") -> ApiError:
    """Return the error that reports an exception to the client.

    ``allow`` returns the methods of the path, and is called only for 405; ``sending`` says how to send a key.
    """
    if isinstance(error, ApiError):
        return error
    status = None
    if isinstance(error, HTTPException):
        status = error.status_code
    elif isinstance(error, ProblemException):
        status = error.status
    if status == 401:
        return Unauthorized(f"You did not provide an API key. Send it {sending or 'as the document says'}.")
    if status == 404:
        return NotFound("Unknown path. The document at openapi.json, beside this API's paths, lists them all.")
    if status == 405:
        methods = ", ".join(allow())
        return MethodNotAllowed(
            f"This path does not accept this method. It accepts: {methods}.", headers={"allow": methods}
        )
    if status is not None and 400 <= status < 500:
        return _OtherClientError(HTTPStatus(status).phrase + ".", status)
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("unexpected %s\n%s", type(error).__name__, frames.rstrip())
    return ServerError("The server had an error while processing your request. It has been logged.")


class _OtherClientError(BadRequest):
    """A 4xx that Connexion, Starlette or Flask raised and that has no class of its own here."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status  # type: ignore[misc]


class EnvelopeMiddleware:
    """Turns every exception below it into an answer."""

    def __init__(
        self, app: ASGIApp, *, methods: Callable[[str], Sequence[str]], sending: str, conventions: Conventions = OURS
    ) -> None:
        self.app = app
        self.conventions = conventions
        self.sending = sending
        self.methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as exception:
            exchange = Exchange.of(scope)
            error = to_api_error(exception, lambda: self.methods(scope["path"]), self.sending)
            if exchange.status:
                # The answer has begun: the failure can only be signalled by cutting the connection.
                raise
            exchange.log["error"] = error.code
            body, media_type = await self.conventions.answer(operation_of(scope), error, exchange.request_id)
            if exchange.account is not None and (done := exchange.account.settle(error.status, error.code)) is not None:
                await done
            await _send(send, error, body, media_type)
            if not exchange.body_read:
                await _drain(scope, receive)


async def _send(send: Send, error: ApiError, body: bytes, media_type: str) -> None:
    headers = [(b"content-type", media_type.encode("latin-1")), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in error.headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _drain(scope: Scope, receive: Receive) -> None:
    headers = dict(scope["headers"])
    if b"expect" in headers or not (b"content-length" in headers or b"transfer-encoding" in headers):
        return
    left = _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= max(len(message.get("body", b"")), _DRAIN_LEAST)
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
