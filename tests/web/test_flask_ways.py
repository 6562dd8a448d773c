"""A request goes around Flask, through it, or through what is put around it: the answers are the same, and hooks see
and change the real ones."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest
from flask import signals

from app.frameworks.flask_hooks import FlaskRound
from app.settings import Settings
from app.wiring import wire

from .asgi import run

HANDLERS = """
from app.errors import NotFound
from parley import Reply, Stream

async def whole(): return {"a": 1}
async def created(): return Reply({"a": 1}, 201, {"x-mine": "1", "set-cookie": "a=b"})
async def empty(): return None
async def text(): return Reply("t", 200, {}, "text/plain")
async def raises(): raise NotFound("It is not here.")
async def breaks(): raise ZeroDivisionError
async def breaks_the_contract(): return {"a": "one"}
async def stream(): return Stream(_events(2), {"x-mine": "1"})
async def stream_fails_at_once(): return Stream(_events(0))
async def stream_fails(): return Stream(_events(1))
def blocks(): return {"a": 1}, 201, {"x-mine": "1"}

async def _events(good):
    for number in range(good):
        yield {"n": number}
    if good < 2:
        raise NotFound("It is not here.")
"""
WITH_FLASK = "import flask\nasync def named(): return {'a': flask.g.get('a', 0), 'path': flask.request.path}\n"
NAMES = re.findall(r"def ([a-z]\w*)", HANDLERS)
ANSWER = {"type": "object", "properties": {"a": {"type": "integer"}}}
Change = Callable[[flask.Flask], object]


def nothing(_app: flask.Flask) -> None:
    """The request goes around Flask."""


def a_hook(app: flask.Flask) -> None:
    app.after_request(lambda response: response)


def a_signal(app: flask.Flask) -> None:
    signals.request_finished.connect(_receive, app)


def a_wrapper(app: flask.Flask) -> None:
    inner = app.wsgi_app
    app.wsgi_app = lambda environ, start_response: inner(environ, start_response)  # type: ignore[method-assign]


def a_request_class(app: flask.Flask) -> None:
    app.request_class = type("Other", (flask.Request,), {})


def _receive(_sender: object, **_fields: object) -> None: ...


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    package = tmp_path / "handlers_of_ways"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "ways.py").write_text(HANDLERS)
    (package / "flasks.py").write_text(WITH_FLASK)
    monkeypatch.syspath_prepend(tmp_path)
    answers = {
        "200": {
            "description": "",
            "content": {"application/json": {"schema": ANSWER}, "text/event-stream": {}, "text/plain": {}},
        },
        "201": {"description": "", "content": {"application/json": {"schema": ANSWER}}},
    }
    paths: Any = {f"/{name}": {"get": {"operationId": name, "tags": ["Ways"], "responses": answers}} for name in NAMES}
    paths["/named"] = {"get": {"operationId": "named", "tags": ["Flasks"], "responses": answers}}
    spec = tmp_path / "openapi.json"
    spec.write_text(flask.json.dumps({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths}))
    yield Settings(spec=spec, handlers=("handlers_of_ways",), engine="echo", api_keys=("k",))
    for name in [name for name in sys.modules if name.startswith("handlers_of_ways")]:
        del sys.modules[name]


def asked(settings: Settings, path: str, change: Change = nothing) -> httpx.Response:
    """What a client gets of an application that was changed before its first request."""
    application: Any = wire(settings)
    change(application.app)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            return await client.get(path, headers={"x-request-id": "req_1"})

    return run(ask())


def rounds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that go through Flask."""
    seen: list[str] = []
    enter = FlaskRound.__enter__

    def entering(self: FlaskRound) -> FlaskRound:
        seen.append(self.environ["PATH_INFO"])
        return enter(self)

    monkeypatch.setattr(FlaskRound, "__enter__", entering)
    return seen


@pytest.mark.parametrize("change", [a_hook, a_signal, a_wrapper, a_request_class], ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_the_same_whichever_way_its_request_goes(name: str, change: Change, settings: Settings) -> None:
    plain, other = asked(settings, f"/{name}"), asked(settings, f"/{name}", change)
    assert (other.status_code, other.content) == (plain.status_code, plain.content)
    assert sorted(other.headers.multi_items()) == sorted(plain.headers.multi_items())


def test_without_hooks_only_pages_and_handlers_that_name_flask_or_block_go_through_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = rounds(monkeypatch)
    for name in NAMES:
        asked(settings, f"/{name}")
    assert seen == []
    assert asked(settings, "/named").json() == {"a": 0, "path": "/named"}
    assert asked(settings, "/livez").status_code == 200
    assert seen == ["/named", "/livez"]


@pytest.mark.parametrize("change", [a_hook, a_signal, a_request_class], ids=lambda change: change.__name__)
def test_with_any_hook_all_go_through_it(change: Change, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = rounds(monkeypatch)
    asked(settings, "/whole", change)
    asked(settings, "/healthz", change)
    assert seen == ["/whole", "/healthz"]


@pytest.mark.parametrize("name", ["created", "stream", "blocks", "empty"])
def test_a_hook_after_the_request_sees_and_changes_the_real_answer(name: str, settings: Settings) -> None:
    seen: list[tuple[int, str | None]] = []

    def change(response: flask.Response) -> flask.Response:
        seen.append((response.status_code, response.headers.get("x-mine")))
        response.status_code = 202
        response.headers["x-theirs"] = "2"
        response.headers.pop("x-mine", None)
        return response

    plain = asked(settings, f"/{name}")
    answer = asked(settings, f"/{name}", lambda app: app.after_request(change))
    assert seen == [(plain.status_code, plain.headers.get("x-mine"))]
    assert answer.status_code == 202
    assert answer.headers["x-theirs"] == "2"
    assert "x-mine" not in answer.headers
    assert answer.content == plain.content


@pytest.mark.parametrize("name", ["whole", "stream"])
def test_it_may_give_another_one_in_its_place(name: str, settings: Settings) -> None:
    def change(_response: flask.Response) -> flask.Response:
        return flask.Response("other", 418)

    answer = asked(settings, f"/{name}", lambda app: app.after_request(change))
    assert (answer.status_code, answer.text) == (418, "other")


def test_a_hook_before_the_request_may_answer_it(settings: Settings) -> None:
    answer = asked(settings, "/stream", lambda app: app.before_request(lambda: ("closed", 503)))
    assert (answer.status_code, answer.text) == (503, "closed")


def test_what_it_sets_is_there_for_a_handler_that_names_flask(settings: Settings) -> None:
    def before() -> None:
        flask.g.a = 7

    assert asked(settings, "/named", lambda app: app.before_request(before)).json()["a"] == 7


@pytest.mark.parametrize("name", ["raises", "stream_fails_at_once"])
def test_a_handler_of_errors_answers_for_them(name: str, settings: Settings) -> None:
    from app.errors import NotFound

    def told(error: NotFound) -> tuple[str, int]:
        return f"told: {error}", 410

    answer = asked(settings, f"/{name}", lambda app: app.register_error_handler(NotFound, told))
    assert (answer.status_code, answer.text) == (410, "told: It is not here.")


@pytest.mark.parametrize(
    ("name", "error"), [("whole", None), ("stream", None), ("breaks", ZeroDivisionError), ("blocks", None)]
)
def test_contexts_are_torn_down_after_the_handler_with_its_error(
    name: str, error: type[Exception] | None, settings: Settings
) -> None:
    order: list[object] = []

    def after(response: flask.Response) -> flask.Response:
        order.append("after")
        return response

    def change(app: flask.Flask) -> None:
        app.after_request(after)
        app.teardown_request(lambda error: order.append(type(error) if error else None))
        signals.got_request_exception.connect(lambda _app, exception: order.append("told"), app, weak=False)

    asked(settings, f"/{name}", change)
    assert order == (["told", error] if error else ["after", None])


def test_a_session_is_kept(settings: Settings) -> None:
    def change(app: flask.Flask) -> None:
        app.secret_key = "s"
        app.before_request(lambda: flask.session.update(a=1))

    assert asked(settings, "/whole", change).headers["set-cookie"].startswith("session=")


def test_what_is_put_around_flask_may_add_headers(settings: Settings) -> None:
    def change(app: flask.Flask) -> None:
        inner = app.wsgi_app

        def around(environ: Any, start_response: Any) -> Any:
            return inner(environ, lambda status, headers, info=None: start_response(status, [*headers, ("X-A", "1")]))

        app.wsgi_app = around  # type: ignore[method-assign]

    for name in ("created", "stream", "blocks"):
        plain, answer = asked(settings, f"/{name}"), asked(settings, f"/{name}", change)
        assert answer.headers["x-a"] == "1"
        assert (answer.status_code, answer.content) == (plain.status_code, plain.content)


def test_hooks_come_too_late_once_a_request_was_answered(settings: Settings) -> None:
    application: Any = wire(settings)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://t") as client:
            return await client.get("/whole")

    assert run(ask()).status_code == 200
    with pytest.raises(AssertionError, match="can no longer be called"):
        application.app.before_request(lambda: None)
