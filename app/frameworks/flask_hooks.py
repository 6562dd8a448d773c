"""The undocumented behaviour of a Flask application that we rely on:

- The functions that are called around requests are in ``before_request_funcs`` and the other attributes of `_HOOKS`,
  with None or the name of a blueprint as the key; error handlers are in ``error_handler_spec``. They may be registered
  until ``_got_first_request`` is true.
- ``wsgi_app`` pushes a ``request_context``, sends ``request_started``, calls ``preprocess_request``,
  ``dispatch_request`` and ``finalize_request``, passes exceptions to ``handle_user_exception`` and then to
  ``handle_exception``, and pops the context with the exception, if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import flask
from flask import signals

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

_HOOKS = (
    *("before_request_funcs", "after_request_funcs", "teardown_request_funcs", "teardown_appcontext_funcs"),
    *("url_value_preprocessors", "error_handler_spec"),
)
_SIGNALS = (
    *(signals.request_started, signals.request_finished, signals.got_request_exception, signals.request_tearing_down),
    *(signals.appcontext_pushed, signals.appcontext_popped, signals.appcontext_tearing_down),
)
# The parts of Flask that a subclass or an application may replace.
_PARTS = ("request_class", "session_interface", "response_class", "app_ctx_globals_class", "url_rule_class")


class FlaskHooks:
    """The hooks that an application calls around each request. Those that exist when this object is created are ours,
    and have no effect that a caller could notice."""

    def __init__(self, app: flask.Flask) -> None:
        self.app = app
        self._ours = self._state()
        self._own_way = app.wsgi_app
        self._first: bool | None = None

    @property
    def wsgi_app(self) -> WSGIApplication:
        """The application's WSGI callable, or the one that wraps it."""
        return self.app.wsgi_app

    @property
    def wrapped(self) -> bool:
        """Whether the WSGI callable was wrapped."""
        return self.app.wsgi_app != self._own_way

    def could_tell(self) -> bool:
        """Return whether anything could notice that a request did not go through Flask."""
        if self._first is None:
            self._first = self._state() != self._ours
            # As after any first request: from now on it is too late to register hooks.
            self.app._got_first_request = True
        for signal in _SIGNALS:
            if signal.receivers and signal.has_receivers_for(self.app):
                return True
        return self._first or self.wrapped

    def begin(self, environ: WSGIEnvironment) -> FlaskRound:
        """Return the context manager for a request's way through Flask."""
        return FlaskRound(self.app, environ)

    def _state(self) -> list[object]:
        hooks = [_copy(getattr(self.app, name)) for name in _HOOKS]
        return [*hooks, *(getattr(self.app, name) for name in _PARTS)]


class FlaskRound:
    """One request inside Flask, a context manager: it pushes the contexts, and tears them down at the end. What
    ``wsgi_app`` does in one step happens here in two, `dispatch` and `finish`; a handler may be awaited in between."""

    def __init__(self, app: flask.Flask, environ: WSGIEnvironment) -> None:
        self.app = app
        self.environ = environ
        self._context = app.request_context(environ)

    def __enter__(self) -> FlaskRound:
        self._context.push()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.pop(error)

    def dispatch(self) -> Any:
        """Return the result of the hooks before the request, or of the view, or of the handler for an error in them."""
        self.app._got_first_request = True
        try:
            signals.request_started.send(self.app, _async_wrapper=self.app.ensure_sync)
            given = self.app.preprocess_request()
            return self.app.dispatch_request() if given is None else given
        except Exception as error:
            return self.caught(error)

    def caught(self, error: Exception) -> Any:
        """Return the result of the application's handler for an error. Raises the error if there is no handler."""
        try:
            return self.app.handle_user_exception(error)
        except Exception as left:
            return self.app.handle_exception(left)

    def finish(self, given: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, headers and body of the answer, after the hooks that run after a request."""
        body, status, headers = self.app.finalize_request(given).get_wsgi_response(self.environ)
        try:
            return int(status[:3]), list(headers), b"".join(body)
        finally:
            getattr(body, "close", lambda: None)()

    def finish_with(
        self, status: int, headers: list[tuple[str, str]], body: bytes | None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Do the same as `finish` for an answer that comes later; a stream has None as its body."""
        return self.finish(_Answer(iter(()) if body is None else body, status, headers))


class _Answer(flask.Response):
    """An answer without Flask's defaults: no default media type, and its Location is not changed."""

    default_mimetype = None
    autocorrect_location_header = False


def names_flask(function: object) -> bool:
    """Return whether the module of a function has imported anything of Flask: it may then use Flask's contexts."""
    known = getattr(function, "__globals__", {}).values()
    return any(_module_of(value).partition(".")[0] in ("flask", "werkzeug") for value in known)


def _module_of(value: object) -> str:
    # A proxy such as flask.request has no attributes outside of a request, but its class can be inspected.
    kind = type(value)
    if kind.__module__.startswith("werkzeug"):
        return "werkzeug"
    return str(getattr(value, "__name__" if kind.__name__ == "module" else "__module__", ""))


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        # A mere lookup by Flask creates empty entries, which do not count.
        return {key: copied for key, item in value.items() if (copied := _copy(item))}
    return list(value) if isinstance(value, list) else value
