"""Talks to an engine that speaks HTTP and server-sent events in the way of the OpenAI API.

It knows the transport alone: what is sent, and what a refusal means, is said by the engine that uses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp

from ...errors import EngineUnavailable, ServerError
from ..base import Json
from .events import EventParser, EventTooLarge

CONNECT_SECONDS = 2.0
LARGEST_ANSWER = 64 << 20  # bytes
LARGEST_ERROR = 1 << 20  # bytes

_LARGE_BODY = 1 << 20  # bytes

# What a connection that was never accepted answers to the first write.
_NEVER_CONNECTED = frozenset({errno.ENOTCONN, errno.ECONNREFUSED, errno.ENOENT, errno.EAGAIN})


class NotAccepted(EngineUnavailable):
    """The engine did not take the request: asking again does no harm."""


class Unanswered(EngineUnavailable):
    """The connection was lost before the answer began; whether the engine saw the request is not known."""


class Refused(Exception):
    """The engine answered with an error. ``error`` is the error object it sent, or empty."""

    def __init__(self, status: int, error: Json) -> None:
        super().__init__(status)
        self.status = status
        self.error = error


class HttpClient:
    """An HTTP client for one engine; made and closed on the event loop.

    ``socket`` is the path of a unix socket to use instead of the network. Redirects are not followed, proxies
    not asked. Connecting takes 2 seconds at most; an answer may take any time.
    """

    def __init__(self, base_url: str, key: str | None, *, socket: str | None = None) -> None:
        connector: aiohttp.BaseConnector
        if socket is not None:
            # llama.cpp closes a connection after an answer: one that is kept would fail the next request.
            connector = aiohttp.UnixConnector(path=socket, force_close=True, limit=0)
        else:
            connector = aiohttp.TCPConnector(limit=0)
        self._base_url = base_url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"authorization": f"Bearer {key}"} if key else None,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def get_json(self, path: str, *, seconds: float) -> Json:
        """Ask for a small JSON object, which must come within ``seconds``.

        Raises:
            Refused: the engine answered with another status than 200.
            EngineUnavailable: there was no answer in time, or none at all.
            ServerError: the answer is not a JSON object.
        """
        try:
            async with asyncio.timeout(seconds), self._open("GET", path, None) as response:
                return _json_object(await _read(response, LARGEST_ANSWER))
        except TimeoutError:
            raise EngineUnavailable("The engine does not answer in time. Retry in a moment.") from None

    async def post_json(self, path: str, payload: Json) -> Json:
        """Post ``payload`` and give the JSON object that is answered; at most 64 MiB.

        Raises:
            Refused: the engine answered with another status than 200.
            NotAccepted: the engine is not there or still loading.
            Unanswered: the connection was lost before the answer began.
            EngineUnavailable: the connection was lost later.
            ServerError: the answer is too large or not a JSON object.
        """
        async with self._open("POST", path, payload) as response:
            return _json_object(await _read(response, LARGEST_ANSWER))

    async def stream_events(self, path: str, payload: Json) -> AsyncGenerator[Json, None]:
        """Post ``payload`` and give the events answered, up to ``[DONE]``; closing closes the connection.

        Raises:
            as `post_json`; EngineUnavailable also for a stream that ends before ``[DONE]``.
        """
        parser = EventParser()
        async with self._open("POST", path, payload) as response:
            async for chunk in response.content.iter_any():
                try:
                    events = parser.feed(chunk)
                except EventTooLarge:
                    raise ServerError("The engine sent an event that is too large.") from None
                for data in events:
                    if data == b"[DONE]":
                        return
                    yield _json_object(data.decode("utf-8", "replace"))
            raise EngineUnavailable("The engine ended its answer too early. Retry in a moment.")

    @contextlib.asynccontextmanager
    async def _open(self, method: str, path: str, payload: Json | None) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give the response, once its status is known to be 200; close it at the end."""
        try:
            response = await self._session.request(
                method,
                self._base_url + path,
                data=None if payload is None else _body(payload),
                headers=None if payload is None else {"content-type": "application/json"},
                allow_redirects=False,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise NotAccepted("The engine is not there yet. Retry in a moment.") from None
        except aiohttp.ClientOSError as error:
            if error.errno in _NEVER_CONNECTED:
                raise NotAccepted("The engine is not there yet. Retry in a moment.") from None
            raise Unanswered("The connection to the engine was lost. Retry in a moment.") from None
        except (aiohttp.ClientError, TimeoutError):
            raise Unanswered("The connection to the engine was lost. Retry in a moment.") from None
        try:
            if response.status == 503:
                raise NotAccepted("The engine is loading its model. Retry in a moment.")
            if response.status != 200:
                raise Refused(response.status, _error_object(await _read(response, LARGEST_ERROR)))
            yield response
        except (aiohttp.ClientError, OSError):
            raise EngineUnavailable("The engine ended before its answer was complete. Retry in a moment.") from None
        finally:
            # Not released but closed: an engine stops generating when its reader is gone.
            response.close()


def _body(payload: Json) -> bytes | io.BytesIO:
    # A lone surrogate, which JSON can spell, is no text: it becomes a question mark.
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    # A large body is written piece by piece, and other answers go on meanwhile.
    return body if len(body) < _LARGE_BODY else io.BytesIO(body)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ServerError("The engine sent an answer that is too large.")
    return bytes(body)


def _json_object(data: str | bytes) -> Json:
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ServerError("The engine sent an answer that is not a JSON object.")
    return value


def _error_object(body: bytes) -> Json:
    try:
        error = _json_object(body).get("error")
    except ServerError:
        return {}
    return error if isinstance(error, dict) else {}
