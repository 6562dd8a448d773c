"""From the event loop to Flask: its WSGI application under ASGI, without a thread per request.

Flask's part of a request, routing to the view and calling the handler, runs directly on the event loop: it never waits.
The event loop awaits and sends the handler's result, which may come later or in pieces (see `app.web.sending`). Only
plain ``def`` handlers, which may block, run in a bounded thread pool.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import re
import sys
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope, Send

from ..frameworks.connexion import operation_of
from ..frameworks.flask_hooks import FlaskHooks, FlaskRound, names_flask
from ..http1.holding import Held
from .conventions import OURS, Conventions
from .exchange import Exchange
from .sending import NOTHING, Answer, Headers, Nothing, Sender, encoded, send_answer
from .view import PENDING, SCOPE, OperationView, PendingReply

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from _typeshed import OptExcInfo

_HOST = re.compile(r"([A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")

# Headers of the placeholder that Flask returns for an answer that comes later.
_PLACEHOLDERS = (b"content-type", b"content-length")


class Bridge:
    """An ASGI application around Flask.

    ``hooks`` are those of the Flask application, ``views`` are the operations' views by operationId; ``ping_interval``
    and ``write_timeout`` are in seconds; ``conventions`` say how a stream fails and ends.

    If nothing could notice the difference, an ``async def`` handler is called without Flask. If there are hooks, the
    request goes through Flask, and the handler is awaited between the hooks before and after the request. A plain
    ``def`` handler runs with all of Flask around it, in a thread.
    """

    def __init__(
        self,
        hooks: FlaskHooks,
        views: Mapping[str, OperationView],
        *,
        ping_interval: float,
        write_timeout: float,
        conventions: Conventions = OURS,
        threads: int = 32,
    ) -> None:
        self.hooks = hooks
        self.direct = {key: view for key, view in views.items() if view.is_async and not names_flask(view.handler)}
        self.threaded = frozenset(key for key, view in views.items() if not view.is_async)
        self.sender = Sender(ping_interval, write_timeout, conventions)
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix="handler")

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        exchange = Exchange.of(scope)
        operation = operation_of(scope)
        view = self.direct.get(operation or "")
        if view is None or self.hooks.could_tell():
            return self._through_flask(exchange, operation, scope, receive, send)
        exchange.raw_body = b""
        return self.sender.finish(PendingReply(view, view.call(scope)), NOTHING, scope, receive, send)

    async def _through_flask(
        self, exchange: Exchange, operation: str | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        threaded = operation in self.threaded
        # Only handlers that run in Flask can read the raw body. For others it is dropped, so that a body that has been
        # parsed is not kept twice while the answer is made.
        environ = _environ(scope, exchange.raw_body if threaded else b"")
        exchange.raw_body = b""
        if threaded:
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self.executor, context.run, self._call, environ)
        elif self.hooks.wrapped:
            answer = self._call(environ)
            if (pending := environ.get(PENDING)) is not None:
                await self.sender.finish(pending, _Wrapped(answer[1]), scope, receive, send)
                return
        else:
            with self.hooks.begin(environ) as flask_round:
                given = flask_round.dispatch()
                if (pending := environ.get(PENDING)) is not None:
                    await self.sender.finish(pending, _Hooked(flask_round), scope, receive, send)
                    return
                answer = _answer(*flask_round.finish(given))
        # An answer without an operation is one of our pages, whose bytes all answers share.
        with Held(scope, len(answer[2]) if operation is not None else 0):
            await send_answer(send, answer)

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

        result = self.hooks.wsgi_app(environ, start_response)
        try:
            body = b"".join(result)
        finally:
            getattr(result, "close", lambda: None)()
        status, headers = started
        return _answer(int(status[:3]), headers, body)


class _Hooked:
    """The hooks of the Flask application see an answer, may change it, and may handle errors."""

    def __init__(self, flask_round: FlaskRound) -> None:
        self.flask_round = flask_round

    def answer(self, status: int, headers: Headers, body: bytes | None) -> Answer:
        return _answer(*self.flask_round.finish_with(status, _decoded(headers), body))

    def caught(self, error: Exception) -> Answer:
        return _answer(*self.flask_round.finish(self.flask_round.caught(error)))


class _Wrapped(Nothing):
    """A wrapper around Flask cannot wait for an answer that comes later; the headers that it added are kept."""

    def __init__(self, headers: Headers) -> None:
        self.added = [(name, value) for name, value in headers if name not in _PLACEHOLDERS]

    def answer(self, status: int, headers: Headers, body: bytes | None) -> Answer:
        return status, [*headers, *self.added], body or b""


def _answer(status: int, headers: list[tuple[str, str]], body: bytes) -> Answer:
    return status, encoded(headers), body


def _decoded(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _write(_body: bytes) -> None:
    raise NotImplementedError("Flask gives its body as an iterable")


def _environ(scope: Scope, body: bytes) -> WSGIEnvironment:
    """Return the WSGI environment (PEP 3333) for an ASGI scope and a body."""
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
            continue  # WSGI cannot tell it from the name with a hyphen, so a client could forge a proxy's header
        key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        if key == "HTTP_CONTENT_TYPE":
            environ["CONTENT_TYPE"] = text
        elif key == "HTTP_CONTENT_LENGTH":
            environ["CONTENT_LENGTH"] = text
        else:
            environ[key] = f"{environ[key]},{text}" if key in environ else text
    if not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
        # Werkzeug answers an invalid host with 400 in some places and 404 in others; nothing here depends on the host.
        environ["HTTP_HOST"] = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return environ
