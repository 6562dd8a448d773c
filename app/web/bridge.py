"""Flask decides, the event loop waits: the WSGI application of Flask under ASGI, without a thread per request.

Flask's part of a request, routing to the view and calling the handler, runs at once on the event loop: it never
waits. What the handler gives, later or in pieces, is awaited and sent by the loop. When the client goes, the handler
is cancelled or its stream closed, and so is whatever it waits for. Only plain ``def`` handlers, which may block, run
in a bounded pool of threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from ..contract.media import split_type
from ..contract.sequences import EVENTS
from ..errors import EngineUnavailable
from ..frameworks.connexion import operation_of
from ..frameworks.holding import held
from ..jsontypes import Json
from . import sse
from .conventions import OURS, Conventions
from .eager import await_or
from .envelope import to_api_error
from .exchange import Exchange, Stream
from .view import PENDING, SCOPE, PendingReply, to_reply
from .writer import EventWriter

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

# An instant answer needs no watch over the client; one that takes longer does.
_WATCH_AFTER = 0.1

# Bytes of an answer that are handed over at once: so much at most is kept for a client that does not read, beside the
# answer itself, which counts as held for it.
_PIECE = 1 << 14

_HOST = re.compile(r"([A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class Bridge:
    """An ASGI application around Flask's WSGI application.

    ``threaded`` tells by operationId which handlers may block; ``ping_interval`` and ``write_timeout`` are in seconds;
    ``conventions`` say how a stream fails and ends.
    """

    def __init__(
        self,
        wsgi_app: WSGIApplication,
        *,
        threaded: frozenset[str],
        ping_interval: float,
        write_timeout: float,
        conventions: Conventions = OURS,
        threads: int = 32,
    ) -> None:
        self.wsgi_app = wsgi_app
        self.threaded = threaded
        self.ping_interval = ping_interval
        self.write_timeout = write_timeout
        self.conventions = conventions
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix="handler")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange.of(scope)
        operation = operation_of(scope)
        threaded = operation in self.threaded
        # What is parsed is not kept twice for as long as an answer takes; only handlers that run in Flask can read it.
        environ = _environ(scope, exchange.raw_body if threaded else b"")
        exchange.raw_body = b""
        if threaded:
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self.executor, context.run, self._call, environ)
        else:
            answer = self._call(environ)
        pending = environ.get(PENDING)
        if pending is None:
            # What belongs to no operation is a page of ours, whose bytes all answers share.
            with held(scope, len(answer[2]) if operation is not None else 0):
                await _send_answer(send, answer)
        else:
            await self._finish(pending, exchange, scope, receive, send)

    def _call(self, environ: WSGIEnvironment) -> Answer:
        started: tuple[str, list[tuple[str, str]]] = ("", [])

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            nonlocal started
            if exc_info is not None and exc_info[1] is not None:
                raise exc_info[1].with_traceback(exc_info[2])
            started = status, headers
            return _write

        result = self.wsgi_app(environ, start_response)
        try:
            body = b"".join(result)
        finally:
            getattr(result, "close", lambda: None)()
        status, headers = started
        return int(status[:3]), _encoded(headers), body

    async def _finish(
        self, pending: PendingReply, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        watch: asyncio.Task[None] | None = None
        gone = False

        def give_up() -> None:
            nonlocal gone
            gone = True
            task.cancel()

        async def wait_for_disconnect() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            give_up()

        def start_watch() -> None:
            nonlocal watch
            watch = loop.create_task(wait_for_disconnect())

        timer = loop.call_later(_WATCH_AFTER, start_watch)
        try:
            reply = to_reply(await pending.result)
            if isinstance(reply, Stream):
                await self._stream(pending, reply, operation_of(scope), exchange, send, give_up)
            else:
                answer = pending.view.encode(reply)
                del reply  # nothing but its bytes is kept for a client that takes its time
                with held(scope, len(answer[2])):
                    await _send_answer(send, answer)
        except asyncio.CancelledError:
            if not gone:
                raise
            task.uncancel()
            exchange.log["error"] = "client_gone"
        finally:
            timer.cancel()
            if watch is not None and not watch.done():
                watch.cancel()

    async def _stream(
        self,
        pending: PendingReply,
        stream: Stream,
        operation: str | None,
        exchange: Exchange,
        send: Send,
        give_up: Callable[[], None],
    ) -> None:
        """Send a stream; its headers wait for the first event, so that what fails before it is an HTTP error."""
        events = stream.events
        is_sse = split_type(stream.media_type)[0] == EVENTS
        end = self.conventions.end(operation) if stream.done and is_sse else b""
        encode: Callable[[object], bytes] = (
            partial(pending.view.encode_event, named=stream.named, foreign=stream.foreign)
            if is_sse
            else partial(pending.view.encode_item, media_type=stream.media_type, foreign=stream.foreign)
        )
        first = asyncio.get_running_loop().create_task(_next(events))
        ping = sse.PING if is_sse else b""
        writer = EventWriter(send, self.ping_interval, self.write_timeout, give_up, ping)
        try:
            await asyncio.wait({first}, timeout=self.ping_interval)
            chunk = encode(first.result()) if first.done() else None
            own = stream.headers() if callable(stream.headers) else stream.headers
            headers = [
                *_encoded(own.items()),
                (b"content-type", (sse.CONTENT_TYPE if is_sse else stream.media_type).encode("latin-1")),
                (b"cache-control", b"no-cache"),
                (b"x-accel-buffering", b"no"),  # nginx would hold events back
            ]
            await writer.start(headers)
            try:
                if chunk is None:
                    await writer.write(ping)
                    chunk = encode(await first)
                writer.add(chunk)
                while True:
                    try:
                        event = await await_or(anext(events), writer.flush)
                    except StopAsyncIteration:
                        break
                    writer.add(encode(event))
                    if writer.full:
                        await writer.flush()
                last = end
            except Exception as exception:
                # Too late for a status: the failure is an event, and the end is still marked as one.
                error = to_api_error(exception)
                exchange.log["error"] = error.code
                if not is_sse:
                    # Nothing that could tell of it has a place among the items: the answer is broken off.
                    raise
                failure = await self.conventions.event(operation, error, exchange.request_id, named=stream.named)
                last = failure + end
            writer.add(last)
            await writer.flush(more=False)
        finally:
            writer.stop()
            if not first.done():
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()


def _write(_body: bytes) -> None:
    raise NotImplementedError("Flask gives its body as an iterable")


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _next(events: AsyncIterator[Json]) -> Json:
    try:
        return await anext(events)
    except StopAsyncIteration:
        # A task cannot raise StopAsyncIteration through a future; an empty stream is a failure all the same.
        raise EngineUnavailable("The stream ended before it began.") from None


async def _send_answer(send: Send, answer: Answer) -> None:
    status, headers, body = answer
    await send({"type": "http.response.start", "status": status, "headers": headers})
    begin = 0
    while len(body) - begin > _PIECE:
        await send({"type": "http.response.body", "body": body[begin : begin + _PIECE], "more_body": True})
        begin += _PIECE
    await send({"type": "http.response.body", "body": body[begin:]})


def _environ(scope: Scope, body: bytes) -> WSGIEnvironment:
    """The WSGI environment (PEP 3333) of an ASGI scope and a body."""
    server = scope.get("server") or ("localhost", 80)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1] or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        SCOPE: scope,
    }
    for name, value in scope["headers"]:
        if b"_" in name:
            continue  # it would be the same as the one with a hyphen, by which a proxy's could be forged
        key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        if key == "HTTP_CONTENT_TYPE":
            environ["CONTENT_TYPE"] = text
        elif key == "HTTP_CONTENT_LENGTH":
            environ["CONTENT_LENGTH"] = text
        else:
            environ[key] = f"{environ[key]},{text}" if key in environ else text
    if not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
        # Werkzeug answers a strange host with 400 in some places and 404 in others; nothing here goes by the host.
        environ["HTTP_HOST"] = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return environ
