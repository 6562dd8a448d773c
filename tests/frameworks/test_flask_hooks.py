"""What is relied on of a Flask application is as `app.frameworks.flask_hooks` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import pytest
from flask import signals
from flask.sessions import SecureCookieSessionInterface

from app.frameworks.flask_hooks import FlaskHooks, names_flask


def _hook(*_arguments: Any, **_fields: Any) -> Any: ...


CHANGES: dict[str, Callable[[flask.Flask, flask.Blueprint], object]] = {
    "before": lambda app, _: app.before_request(_hook),
    "after": lambda app, _: app.after_request(_hook),
    "teardown": lambda app, _: app.teardown_request(_hook),
    "teardown of the context": lambda app, _: app.teardown_appcontext(_hook),
    "values of the URL": lambda app, _: app.url_value_preprocessor(_hook),
    "an error": lambda app, _: app.register_error_handler(LookupError, _hook),
    "a status": lambda app, _: app.register_error_handler(404, _hook),
    "before, of a blueprint": lambda _, part: part.before_request(_hook),
    "after, of a blueprint": lambda _, part: part.after_request(_hook),
    "teardown, of a blueprint": lambda _, part: part.teardown_request(_hook),
    "an error, of a blueprint": lambda _, part: part.register_error_handler(LookupError, _hook),
    "wsgi_app": lambda app, _: setattr(app, "wsgi_app", _hook),
    "request_class": lambda app, _: setattr(app, "request_class", type("R", (flask.Request,), {})),
    "response_class": lambda app, _: setattr(app, "response_class", type("R", (flask.Response,), {})),
    "session_interface": lambda app, _: setattr(app, "session_interface", SecureCookieSessionInterface()),
}


SIGNALS = (
    *("request_started", "request_finished", "got_request_exception", "request_tearing_down"),
    *("appcontext_pushed", "appcontext_popped", "appcontext_tearing_down"),
)


def made() -> tuple[flask.Flask, FlaskHooks]:
    app = flask.Flask(__name__, static_folder=None)
    app.before_request(lambda: None)  # ours
    return app, FlaskHooks(app)


def test_what_an_application_has_from_the_start_is_ours() -> None:
    _, hooks = made()
    assert not hooks.could_tell()


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_added_could_tell(change: str) -> None:
    app, hooks = made()
    part = flask.Blueprint("part", __name__)
    CHANGES[change](app, part)
    app.register_blueprint(part)
    assert hooks.could_tell()


@pytest.mark.parametrize("name", SIGNALS)
def test_whoever_listens_to_a_signal_could_tell(name: str) -> None:
    app, hooks = made()
    with getattr(signals, name).connected_to(_hook, app):
        assert hooks.could_tell()


def test_flask_itself_refuses_hooks_after_the_first_request() -> None:
    app, hooks = made()
    hooks.could_tell()
    with pytest.raises(AssertionError, match="can no longer be called"):
        app.before_request(_hook)


def test_a_signal_or_a_wrapper_may_come_later() -> None:
    app, hooks = made()
    assert not hooks.could_tell()
    with signals.request_started.connected_to(_hook, app):
        assert hooks.could_tell()
    assert not hooks.could_tell()
    app.wsgi_app = _hook  # type: ignore[method-assign]
    assert hooks.could_tell()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import flask", True),
        ("from flask import g", True),
        ("from flask import request as asked", True),
        ("from flask import Response", True),
        ("import werkzeug.exceptions", True),
        ("import json\nfrom parley import Reply\nflask = 'a text'", False),
    ],
)
def test_a_function_names_flask_if_its_module_does(source: str, names: bool) -> None:
    module: dict[str, Any] = {}
    exec(source + "\nasync def handler(): ...", module)
    assert names_flask(module["handler"]) is names
