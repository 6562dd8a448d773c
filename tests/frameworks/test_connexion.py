"""What is relied on in Connexion and in Starlette's router is as `app.frameworks.connexion` says."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import flask
import pytest
from connexion import FlaskApp
from connexion.exceptions import InvalidSpecification, ProblemException
from connexion.resolver import Resolution, Resolver
from connexion.spec import OpenAPISpecification
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.frameworks.connexion import Identify, add_routes, application, finish, operation_of, security_handler
from app.frameworks.importing import import_connexion

OPERATIONS = {
    ("get", "/items"): "listItems",
    ("post", "/items"): "addItem",
    ("query", "/items"): "findItems",
    ("x-do!", "/items"): "doItems",
    ("get", "/items/first"): "firstItem",
    ("head", "/items/first"): "headFirstItem",
    ("get", "/items/{item}/parts/{part}"): "part",
    ("get", "/items/{item}"): "item",
    ("get", "/files/{path}"): "file",
}


class Named(Resolver):
    """Answers every operation by a view that says which it is."""

    def resolve(self, operation: Any) -> Resolution:
        return Resolution(view(operation.operation_id), operation.operation_id)


def view(operation_id: str) -> Callable[..., flask.Response]:
    def answer(**path: str) -> flask.Response:
        return flask.Response(operation_id)

    answer.__name__ = operation_id
    return answer


def routes(**fields: Any) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for (method, path), operation_id in OPERATIONS.items():
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        schemas = {name: {"type": "string", **({"format": "path"} if name == "path" else {})} for name in names}
        paths.setdefault(path, {})[method] = {
            "operationId": operation_id,
            "responses": {"default": {"description": ""}},
            "parameters": [{"name": n, "in": "path", "required": True, "schema": s} for n, s in schemas.items()],
        }
    return {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths, **fields}


class Seen:
    """A middleware that notes down what passes it."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    def __call__(self, app: ASGIApp) -> ASGIApp:
        async def note(scope: Scope, receive: Receive, send: Send) -> None:
            self.scopes.append({**scope, "extensions": {**scope.get("extensions", {})}})
            await app(scope, receive, send)

        return note


class Served:
    """An application with two middlewares that see what passes."""

    def __init__(self, document: dict[str, Any], security: Any = None, lifespan: Any = None) -> None:
        self.outer, self.inner, self.flask_side = Seen(), Seen(), Seen()
        self.app = application(
            "t", Path(__file__).parent, outer=[self.outer], inner=[self.inner], lifespan=lifespan or _nothing
        )
        add_routes(self.app, document, Named(), security or {})
        self.views = {name: view(f"{name} as it is") for name in OPERATIONS.values()}
        finish(self.app, self.views, self.flask_side(_answer))

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> Scope:
        """What the inner middleware has seen of a request."""
        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
            "client": None,
            "server": ("server", 80),
            "extensions": {},
        }
        self.inner.scopes.clear()
        asyncio.run(self.app(scope, _receive, _drop))
        [seen] = self.inner.scopes
        return seen


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _drop(message: Message) -> None:
    pass


@contextlib.asynccontextmanager
async def _nothing(_app: object) -> AsyncIterator[None]:
    yield


@pytest.fixture(scope="module")
def served() -> Served:
    return Served(routes())


@pytest.mark.parametrize(
    ("method", "path", "operation", "parameters"),
    [
        ("GET", "/items", "listItems", {}),
        ("POST", "/items", "addItem", {}),
        ("QUERY", "/items", "findItems", {}),
        ("X-DO!", "/items", "doItems", {}),
        ("query", "/items", None, {}),
        ("HEAD", "/items", "listItems", {}),
        ("GET", "/items/first", "firstItem", {}),
        ("HEAD", "/items/first", "headFirstItem", {}),
        ("GET", "/items/second", "item", {"item": "second"}),
        ("GET", "/items/second/parts/7", "part", {"item": "second", "part": "7"}),
        ("GET", "/files/a/b/c", "file", {"path": "a/b/c"}),
        ("GET", "/files/", "file", {"path": ""}),
        ("GET", "/items/", None, None),
        ("GET", "//items", None, None),
        ("GET", "/items/second/", None, None),
        ("GET", "/items/second/parts", None, None),
        ("GET", "/nothing", None, None),
    ],
)
def test_a_path_is_routed_as_it_is_to_the_closest_operation(
    served: Served, method: str, path: str, operation: str | None, parameters: dict[str, str] | None
) -> None:
    scope = served.ask(method, path)
    assert operation_of(scope) == operation
    if parameters is not None:
        assert scope["path_params"] == parameters


def test_a_method_that_a_path_does_not_have_reaches_no_operation(served: Served) -> None:
    assert operation_of(served.ask("DELETE", "/items")) is None
    with pytest.raises(HTTPException) as caught:
        served.ask("DELETE", "/items/second")
    assert caught.value.status_code == 405


def test_middlewares_come_before_routing_and_after_it(served: Served) -> None:
    served.ask("GET", "/items")
    assert operation_of(served.outer.scopes[-1]) is None
    assert operation_of(served.inner.scopes[-1]) == "listItems"


def test_what_is_given_stands_in_for_connexions_way_to_flask(served: Served) -> None:
    count = len(served.flask_side.scopes)
    served.ask("GET", "/items")
    assert len(served.flask_side.scopes) == count + 1


def test_views_are_registered_with_flask_as_they_are(served: Served) -> None:
    client = served.app.app.test_client()
    assert client.get("/items").text == "listItems as it is"
    assert client.get("/files/a/b").text == "file as it is"
    assert set(served.views.values()) <= set(served.app.app.view_functions.values())


def test_routes_are_not_validated_again() -> None:
    invalid = routes(info={})
    with pytest.raises(InvalidSpecification):
        OpenAPISpecification(routes(info={}))
    assert operation_of(Served(invalid).ask("GET", "/items")) == "listItems"


def test_what_is_wrong_with_an_application_ends_its_start() -> None:
    class Failing(Resolver):
        def resolve(self, operation: Any) -> Resolution:
            raise LookupError(operation.operation_id)

    app = application("t", Path(__file__).parent, outer=[], inner=[], lifespan=_nothing)
    add_routes(app, routes(), Failing(), {})
    with pytest.raises(LookupError):
        finish(app, {}, _answer)


def test_a_finished_application_is_not_built_again(served: Served) -> None:
    with pytest.raises(RuntimeError, match="after an application has started"):
        served.app.add_api(routes())
    outermost = served.app.middleware.app
    served.ask("GET", "/items")
    assert served.app.middleware.app is outermost


def test_the_lifespan_is_that_of_the_application() -> None:
    told: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        told.append("opened")
        yield
        told.append("closed")

    app: FlaskApp = Served(routes(), lifespan=lifespan).app
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Message:
        return {"type": next(messages)}

    async def send(message: Message) -> None:
        told.append(message["type"])

    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert told == ["opened", "lifespan.startup.complete", "closed", "lifespan.shutdown.complete"]


class Refused(Exception):
    pass


def secured(*, later: bool = False) -> Served:
    """An application whose keys are known at once, or later."""
    schemes = {
        "key": {"type": "apiKey", "in": "header", "name": "x-key"},
        "token": {"type": "http", "scheme": "bearer"},
    }
    either: list[dict[str, list[str]]] = [{"key": []}, {"token": []}]

    def make(scheme: Any) -> Identify:
        name = {"apiKey": "x-key", "http": "authorization"}[scheme["type"]].encode()

        def known(shown: bytes) -> str:
            if shown == b"wrong":
                raise Refused
            return shown.decode()

        async def known_later(shown: bytes) -> str:
            await asyncio.sleep(0)
            return known(shown)

        def identify(scope: Scope) -> str | Coroutine[Any, Any, str] | None:
            shown: bytes | None = dict(scope["headers"]).get(name)
            if not shown:
                return None
            return known_later(shown) if later else known(shown)

        return identify

    handler = security_handler(make)
    document = routes(security=either, components={"securitySchemes": schemes})
    return Served(document, {"apiKey": handler, "bearer": handler})


def test_a_request_that_shows_nothing_for_any_scheme_is_a_401() -> None:
    with pytest.raises(ProblemException) as caught:
        secured().ask("GET", "/items")
    assert caught.value.status == 401


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("header", ["x-key", "authorization"])
def test_a_request_is_let_in_by_any_scheme_that_knows_it(header: str, later: bool) -> None:
    assert operation_of(secured(later=later).ask("GET", "/items", {header: "somebody"})) == "listItems"


@pytest.mark.parametrize("later", [False, True])
def test_what_refuses_a_request_is_raised_as_it_is(later: bool) -> None:
    with pytest.raises(Refused):
        secured(later=later).ask("GET", "/items", {"x-key": "wrong"})


def test_no_operation_is_known_before_routing() -> None:
    assert operation_of({"extensions": {}}) is None


def test_connexion_is_imported_without_its_warning() -> None:
    with warnings.catch_warnings(record=True) as told:
        import_connexion()
    assert not told
