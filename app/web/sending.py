"""Awaits a handler's result and sends it: whole, or event by event while the client reads.

When the client disconnects, the handler is cancelled or its stream closed, together with whatever it waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Protocol

from starlette.types import Receive, Scope, Send

from ..contract.media import split_type
from ..contract.sequences import EVENTS
from ..errors import ApiError, EngineUnavailable
from ..frameworks.connexion import operation_of
from ..http1.holding import Held
from ..jsontypes import Json
from . import sse
from .answers import Stream
from .conventions import Conventions
from .eager import go_on
from .envelope import to_api_error
from .exchange import Exchange
from .view import PendingReply, to_reply
from .writer import EventWriter

# Seconds after which the client is watched for a disconnect. Faster answers do not need it.
_WATCH_AFTER = 0.1

# Bytes of an answer that are sent at once. At most this much is buffered for a client that does not read, besides the
# answer itself, which is counted as held for it.
_PIECE = 1 << 14

# The headers of every stream.
_STREAMS = [
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would buffer events
]

Headers = list[tuple[bytes, bytes]]
# Status, headers and body.
Answer = tuple[int, Headers, bytes]


class Around(Protocol):
    """The hooks that are called around a handler."""

    def answer(self, status: int, headers: Headers, body: bytes | None) -> Answer:
        """Return what is sent instead of an answer. A stream is passed with None as its body; if the result has a body,
        that is sent instead of the stream."""

    def caught(self, error: Exception) -> Answer:
        """Return what is sent for an error. Raises the error if it is to have the usual error format."""


class Nothing:
    """No hooks."""

    def answer(self, status: int, headers: Headers, body: bytes | None) -> Answer:
        return status, headers, body or b""

    def caught(self, error: Exception) -> Answer:
        raise error


NOTHING = Nothing()


class Sender:
    """Sends handlers' results. ``ping_interval`` and ``write_timeout`` are in seconds; ``conventions`` say how a stream
    fails and ends."""

    def __init__(self, ping_interval: float, write_timeout: float, conventions: Conventions) -> None:
        self.ping_interval = ping_interval
        self.write_timeout = write_timeout
        self.conventions = conventions

    async def finish(self, pending: PendingReply, around: Around, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with its handler's result."""
        exchange = Exchange.of(scope)
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
            try:
                reply = to_reply(await pending.result)
                if isinstance(reply, Stream):
                    await self._stream(pending, reply, around, scope, send, give_up)
                    return
                encode = partial(pending.view.encode, reply)
                answer = around.answer(*(encode() if reply.finish is None else await reply.finish(encode)))
                del reply, encode  # only its bytes are kept for a slow client
            except Exception as error:
                if exchange.status:
                    raise
                answer = around.caught(error)
            with Held(scope, len(answer[2])):
                await send_answer(send, answer, exchange)
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
        around: Around,
        scope: Scope,
        send: Send,
        give_up: Callable[[], None],
    ) -> None:
        """Send a stream. Its headers wait for the first event, so that an earlier failure becomes an HTTP error."""
        events, exchange, operation = stream.events, Exchange.of(scope), operation_of(scope)
        is_sse = split_type(stream.media_type)[0] == EVENTS
        end = self.conventions.end(operation) if stream.done and is_sse else b""
        encode: Callable[[object], bytes] = (
            pending.view.event_encoder(named=stream.named, foreign=stream.foreign)
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
            media_type = sse.CONTENT_TYPE if is_sse else stream.media_type
            headers = [*encoded(own.items()), (b"content-type", media_type.encode("latin-1")), *_STREAMS]
            status, headers, body = around.answer(200, headers, None)
            if body:
                await send_answer(send, (status, headers, body))
                return
            await writer.start(status, headers)
            try:
                if chunk is None:
                    await writer.write(ping)
                    chunk = encode(await first)
                writer.add(chunk)
                while True:
                    # As `await_or`, which would be one more coroutine for each event.
                    try:
                        step = anext(events).__await__()
                        try:
                            waited_for = next(step)
                        except StopIteration as done_at_once:
                            event = done_at_once.value
                        else:
                            event = await go_on(step, waited_for, writer.flush)
                    except StopAsyncIteration:
                        break
                    if writer.add(encode(event)):
                        await writer.flush()
                last = end
            except Exception as exception:
                # Too late for a status: the failure becomes an event, and the end of the stream is still marked.
                error = to_api_error(exception)
                exchange.log["error"] = error.code
                if not is_sse:
                    # The items of such a stream cannot carry an error: the connection is cut.
                    raise
                failure = _own_failure(stream, error, encode)
                if failure is None:
                    failure = await self.conventions.event(operation, error, exchange.request_id, named=stream.named)
                last = failure + end
            if exchange.account is not None:
                done = exchange.account.settle(200, exchange.log.get("error"))
                if done is not None:
                    if exchange.account.slow:
                        await writer.flush()
                    await done
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


def _own_failure(stream: Stream, error: ApiError, encode: Callable[[Json], bytes]) -> bytes | None:
    """Return the event that the stream's operation has for its failure; None if none can be sent."""
    for event in stream.failed(error) if stream.failed is not None else ():
        # The value that made the stream fail may be in the failure event, too.
        with contextlib.suppress(ApiError, ValueError):
            return encode(event)
    return None


def encoded(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return headers in ASGI's form."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _next(events: AsyncIterator[Json]) -> Json:
    try:
        return await anext(events)
    except StopAsyncIteration:
        # A task cannot raise StopAsyncIteration through a future. An empty stream is a failure anyway.
        raise EngineUnavailable("The stream ended before it began.") from None


async def send_answer(send: Send, answer: Answer, exchange: Exchange | None = None) -> None:
    """Send a whole answer. If the ``exchange`` of its request has an account, that is settled before the last byte:
    whoever has the whole answer knows that it has been recorded."""
    status, headers, body = answer
    done = None
    if exchange is not None and (account := exchange.account) is not None:
        done = account.settle(status, exchange.log.get("error"))
        if done is not None and not account.slow:
            # That saves a write. Otherwise all but the last byte is sent first.
            await done
            done = None
    await send({"type": "http.response.start", "status": status, "headers": headers})
    last = max((len(body) - 1) // _PIECE * _PIECE, 0) if done is None else max(len(body) - 1, 0)
    for begin in range(0, last, _PIECE):
        piece = body[begin : min(begin + _PIECE, last)]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if done is not None:
        await done
    await send({"type": "http.response.body", "body": body[last:]})
