"""A request is held against its operation before anyone sees it: parameters, media type, body."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from app.contract.document import Document
from app.contract.operations import operations
from app.contract.schemas import Schemas
from app.errors import ApiError, BadRequest, ContentTooLarge, RequestTimeout, UnsupportedMediaType
from app.web.checking import BodyLimits, CheckMiddleware
from app.web.exchange import Exchange
from app.web.uploads import Upload

from .asgi import Client, http_scope, run
from .inprocess import openapi

NUMBERED = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
LIMITS = BodyLimits(max_body=1000, max_upload=2000, max_values=500, timeout=60, rate=500)


class Checked:
    """What the application behind the check finds of a request."""

    def __init__(self, content: dict[str, Any] | None, *, required: bool = False, **fields: Any) -> None:
        operation: dict[str, Any] = {"operationId": "it", "responses": {}, **fields}
        if content is not None:
            operation["requestBody"] = {"content": content, "required": required}
        document = Document(openapi({"/it/{id}": {"post": operation}}))
        found = {operation.key: operation for operation in operations(document)}
        self.exchanges: list[Exchange] = []
        self.files: list[bytes] = []
        self.paths: list[Path] = []
        self.app = CheckMiddleware(self._reached, operations=found, schemas=Schemas(document), limits=LIMITS)

    async def _reached(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange.of(scope)
        self.exchanges.append(exchange)
        if isinstance(exchange.body, dict):
            for upload in exchange.body.values():
                if isinstance(upload, Upload):
                    self.paths.append(upload.path)
                    self.files.append(upload.path.read_bytes())

    def ask(self, *pieces: bytes, operation: str | None = "it", **fields: Any) -> Exchange:
        """The exchange of a request that passes."""

        async def send() -> None:
            client = Client(*pieces)
            await self.app(http_scope("POST", "/it/7", operation=operation, **fields), client.receive, client.send)

        run(send())
        return self.exchanges[-1]

    def refused(self, kind: type[ApiError], *pieces: bytes, **fields: Any) -> ApiError:
        """The error of one that does not."""
        with pytest.raises(kind) as caught:
            self.ask(*pieces, **fields)
        assert not self.exchanges
        return caught.value


def of_type(media_type: str, **more: str) -> dict[str, Any]:
    return {"headers": {"content-type": media_type, **more}}


JSON = of_type("application/json")


def test_what_is_routed_to_no_operation_goes_through_unread() -> None:
    exchange = Checked({"application/json": {"schema": NUMBERED}}, required=True).ask(b"x", operation=None)
    assert not exchange.body_read


def test_the_lifespan_goes_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def pass_through() -> None:
        document = Document(openapi({}))
        check = CheckMiddleware(app, operations={}, schemas=Schemas(document), limits=LIMITS)
        client = Client()
        await check({"type": "lifespan"}, client.receive, client.send)

    run(pass_through())
    assert seen == ["lifespan"]


# -- bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", ""])
def test_a_body_that_fits_is_parsed_once_and_handed_on(media_type: str) -> None:
    headers = of_type(media_type) if media_type else {}
    exchange = Checked({"application/json": {"schema": NUMBERED}}).ask(b'{"n":', b"1}", **headers)
    assert exchange.body == {"n": 1}
    assert exchange.raw_body == b'{"n":1}'
    assert exchange.body_read


def test_one_that_does_not_fit_is_refused_by_its_place() -> None:
    error = Checked({"application/json": {"schema": NUMBERED}}).refused(BadRequest, b'{"n": "x"}', **JSON)
    assert error.param == "n"


def test_one_that_is_no_json_is_refused() -> None:
    assert Checked({"application/json": {}}).refused(BadRequest, b"{", **JSON).code == "invalid_json"


def test_a_missing_body_is_refused_where_one_is_required() -> None:
    content = {"application/json": {"schema": NUMBERED}}
    assert Checked(content, required=True).refused(BadRequest, **JSON).code == "missing_body"
    assert Checked(content).ask(**JSON).body is None


def test_an_operation_without_a_body_does_not_read_one() -> None:
    exchange = Checked(None).ask(b"x", **of_type("text/plain"))
    assert (exchange.body, exchange.body_read) == (None, False)


def test_a_media_type_that_the_document_does_not_have_is_refused_with_those_that_it_has() -> None:
    content: dict[str, Any] = {"application/json": {}, "text/plain": {}}
    error = Checked(content).refused(UnsupportedMediaType, b"x", **of_type("image/png"))
    assert "application/json or text/plain" in error.message


@pytest.mark.parametrize(
    "headers", [{"content-encoding": "gzip"}, {"content-type": "application/json; charset=utf-16"}]
)
def test_a_body_in_another_coding_is_refused(headers: dict[str, str]) -> None:
    checked = Checked({"application/json": {}})
    checked.refused(UnsupportedMediaType, b"{}", headers={"content-type": "application/json", **headers})


def test_a_body_without_a_coding_may_say_so() -> None:
    body = Checked({"application/json": {}}).ask(
        b"{}", **of_type("application/json", **{"content-encoding": "Identity"})
    )
    assert body.body == {}


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"text/plain": {}, "application/json": {}}, {"n": 1}),
        ({"text/plain": {"schema": {"type": "string"}}}, '{"n":1}'),
        ({"*/*": {}}, b'{"n":1}'),
    ],
    ids=["JSON if it may be", "else the first", "else bytes"],
)
def test_a_body_without_a_type_is_what_the_document_takes(content: dict[str, Any], body: object) -> None:
    assert Checked(content).ask(b'{"n":1}').body == body


def test_text_is_read_by_its_schema() -> None:
    checked = Checked({"text/plain": {"schema": {"type": "integer", "maximum": 9}}})
    assert checked.ask(b"7", **of_type("text/plain")).body == 7
    other = Checked({"text/plain": {"schema": {"type": "integer", "maximum": 9}}})
    other.refused(BadRequest, b"70", **of_type("text/plain"))


def test_a_text_is_not_held_against_a_schema_of_objects(caplog: pytest.LogCaptureFixture) -> None:
    for schema in ({"type": "object", "required": ["a"]}, {"type": "array"}):
        exchange = Checked({"text/plain": {"schema": schema}}).ask(b'{"a":1}', **of_type("text/plain"))
        assert exchange.body == '{"a":1}'
        assert "a body of the type text/plain is passed on unchecked" in caplog.text
        caplog.clear()
    checked = Checked({"text/plain": {"schema": {"anyOf": [{"type": "object"}, {"type": "string", "maxLength": 2}]}}})
    checked.refused(BadRequest, b"abc", **of_type("text/plain"))
    assert "passed on unchecked" not in caplog.text


def test_text_is_read_in_its_charset() -> None:
    exchange = Checked({"text/plain": {}}).ask("ü".encode("latin-1"), **of_type("text/plain; charset=latin-1"))
    assert exchange.body == "ü"


def test_other_types_stay_bytes() -> None:
    assert Checked({"image/*": {}}).ask(b"\x89PNG", **of_type("image/png")).body == b"\x89PNG"


def test_a_form_is_an_object() -> None:
    content = {"application/x-www-form-urlencoded": {"schema": NUMBERED}}
    assert Checked(content).ask(b"n=1", **of_type("application/x-www-form-urlencoded")).body == {"n": 1}


# -- limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [[b"x" * 1001], [b"x" * 600, b"x" * 600]])
def test_a_body_beyond_the_limit_is_refused(pieces: list[bytes]) -> None:
    Checked({"image/png": {}}).refused(ContentTooLarge, *pieces, **of_type("image/png"))


def test_one_that_says_so_is_not_even_read() -> None:
    checked, client = Checked({"image/png": {}}), Client(b"x")
    headers = {"content-type": "image/png", "content-length": "1001"}

    async def send() -> None:
        scope = http_scope("POST", operation="it", headers=headers)
        with pytest.raises(ContentTooLarge):
            await checked.app(scope, client.receive, client.send)
        assert not client.has_read_all

    asyncio.run(send())


def test_a_client_that_goes_while_it_sends_is_no_answer_to_anyone() -> None:
    checked = Checked({"image/png": {}})

    async def send() -> None:
        client = Client()
        await client.receive()
        client.gone.set()
        scope = http_scope("POST", operation="it", headers={"content-type": "image/png"})
        with pytest.raises(RequestTimeout):
            await checked.app(scope, client.receive, client.send)

    asyncio.run(send())


# -- files -------------------------------------------------------------------------------------------------------

FORM: dict[str, Any] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"n": {"type": "integer"}, "file": {"type": "string", "format": "binary"}},
            "required": ["n"],
        }
    }
}
MULTIPART = of_type("multipart/form-data; boundary=b")


def multipart(n: str, file: bytes) -> bytes:
    return (
        b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n' + n.encode() + b"\r\n"
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + file + b"\r\n--b--\r\n"
    )


def test_a_file_is_there_until_the_answer_is_out() -> None:
    checked = Checked(FORM)
    exchange = checked.ask(*(bytes([byte]) for byte in multipart("7", b"content")), **MULTIPART)
    assert isinstance(exchange.body, dict)
    assert exchange.body["n"] == 7
    assert exchange.body_read
    assert checked.files == [b"content"]
    assert not checked.paths[0].exists()
    assert not checked.paths[0].parent.exists()


def test_a_form_with_files_has_a_limit_of_its_own() -> None:
    assert Checked(FORM).ask(multipart("7", b"x" * 1500), **MULTIPART).body_read
    Checked(FORM).refused(ContentTooLarge, multipart("7", b"x" * 2000), **MULTIPART)
    Checked(FORM).refused(ContentTooLarge, multipart("7" * 1500, b"x"), **MULTIPART)


def test_a_form_that_does_not_fit_is_refused() -> None:
    assert Checked(FORM).refused(BadRequest, multipart("x", b""), **MULTIPART).param == "n"
    assert Checked(FORM, required=True).refused(BadRequest, b"", **MULTIPART).code == "missing_body"


# -- parameters --------------------------------------------------------------------------------------------------

PARAMETERS = [
    {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
    {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}},
]


def test_parameters_are_read_by_the_document_with_their_types() -> None:
    checked = Checked(None, parameters=PARAMETERS)
    exchange = checked.ask(query_string=b"page=2", path_params={"id": "7"})
    assert sorted(exchange.parameters.values()) == [2, 7]


def test_one_that_does_not_fit_is_refused_before_the_body_is_read() -> None:
    checked = Checked({"application/json": {}}, parameters=PARAMETERS, required=True)
    client = Client(json.dumps({}).encode())

    async def send() -> None:
        scope = http_scope("POST", operation="it", query_string=b"page=0", path_params={"id": "7"}, **JSON)
        with pytest.raises(BadRequest) as caught:
            await checked.app(scope, client.receive, client.send)
        assert caught.value.param == "page"
        assert not client.has_read_all

    asyncio.run(send())


def test_a_body_of_too_many_values_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Checked(
        {
            "application/json": {"schema": {"type": "array"}},
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "properties": {"a": {"type": "object"}, "b": {"type": "object"}}},
                "encoding": {name: {"contentType": "application/json"} for name in "ab"},
            },
        }
    )
    assert (
        checked.ask(b"[" + b",".join([b"1"] * 400) + b"]", headers={"content-type": "application/json"}).body
        == [1] * 400
    )
    form = b"a={%22x%22:[" + b",".join([b"1"] * 200) + b"]}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert checked.ask(form, headers=headers).body == {"a": {"x": [1] * 200}}
    with pytest.raises(ContentTooLarge, match="more than the 500 values"):
        checked.ask(form + b"&b" + form[1:] + b"," * 99, headers=headers)
    monkeypatch.setattr("app.web.checking.parse_body", None)
    with pytest.raises(ContentTooLarge, match="more than the 500 values"):
        checked.ask(b"[" + b"{}," * 60 + b"{}]", headers={"content-type": "application/json"})
