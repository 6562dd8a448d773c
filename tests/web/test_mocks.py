"""Operations without a handler answer with mocks that fit the document, where the setting says so."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from app.configuration.document import contract_path
from app.contract.document import Document
from app.contract.media import FORM, MULTIPART
from app.contract.operations import Operation, operations
from app.contract.schemas import Schemas
from app.documents.samples.samples import Samples
from app.domains import needs_engine
from app.engines.echo import EchoEngine
from app.settings import Mock, Settings
from app.wiring import wire

from ..foreign import NEWEST, OLDER, OURS, foreign

KEY = {"authorization": "Bearer k"}
STRING = {"type": "string"}
ITEM = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {
        "id": {"type": "string", "readOnly": True},
        "name": {"type": "string", "maxLength": 10},
        "secret": {"type": "string", "writeOnly": True},
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "additionalProperties": False,
}
NEW_ITEM = {"type": "object", "required": ["name"], "properties": {"name": STRING, "size": {"type": "integer"}}}
PROBLEM = {"type": "object", "required": ["title"], "properties": {"title": STRING}}


def content(schema: Any, media_type: str = "application/json", **more: Any) -> Any:
    return {"description": "", "content": {media_type: {"schema": schema, **more}}}


def get(responses: Any, **more: Any) -> Any:
    return {"get": {"operationId": f"get{abs(hash(str(responses)))}", "responses": responses, **more}}


TALK = {"anyOf": [{"$ref": "#/components/schemas/Problem"}, {"$ref": "#/components/schemas/Piece"}]}
ITEM_EXAMPLES = {
    "broken": {"value": {"id": 5}},
    "small": {"value": {"id": "i1", "name": "small"}},
    "large": {"value": {"id": "i2", "name": "large", "size": 9}},
}
PATHS: dict[str, Any] = {
    "/items": {
        "post": {
            "operationId": "makeItem",
            "requestBody": {"required": True, "content": {"application/json": {"schema": NEW_ITEM}}},
            "responses": {"201": content(ITEM), "400": content(PROBLEM, "application/problem+json")},
        }
    },
    "/item": get(
        {
            "404": content(PROBLEM),
            "5XX": content(PROBLEM),
            "default": content(PROBLEM),
            "200": content(ITEM, examples=ITEM_EXAMPLES),
        }
    ),
    "/plain": get({"200": content(ITEM), "404": content(PROBLEM)}),
    "/nothing": get({"204": {"description": ""}}),
    "/only-default": get({"default": content(ITEM)}),
    "/only-error": get({"422": content(PROBLEM)}),
    "/scalar": get({"200": content({"type": "integer", "minimum": 7})}),
    "/null": get({"200": content({"type": "null"})}),
    "/text": get({"200": content(STRING, "text/plain", example="hello")}),
    "/bytes": get({"200": content({"type": "string", "format": "binary"}, "audio/mpeg")}),
    "/image": get({"200": content(STRING, "image/*")}),
    "/xml": get({"200": content(ITEM, "application/xml")}),
    "/impossible": get({"200": content({"type": "integer", "minimum": 2, "maximum": 1})}),
    "/both": get(
        {
            "200": {
                "description": "",
                "content": {
                    "text/csv": {"schema": STRING, "example": "a,b"},
                    "application/vnd.x+json": {"schema": ITEM},
                    "text/event-stream": {"schema": ITEM},
                },
            }
        }
    ),
    "/headers": get(
        {
            "200": {
                "description": "",
                "headers": {
                    "X-Left": {"required": True, "schema": {"type": "integer", "minimum": 3}},
                    "X-Tags": {"schema": {"type": "array", "items": {"enum": ["a"]}, "minItems": 1}},
                    "X-When": {"schema": {"type": "string", "format": "date"}, "example": "2020-02-02"},
                    "X-Request-Id": {"schema": STRING},
                },
            }
        }
    ),
    "/events": get(
        {
            "200": content(
                {
                    "oneOf": [
                        {"$ref": "#/components/schemas/Completed"},
                        {"$ref": "#/components/schemas/Failed"},
                        {"$ref": "#/components/schemas/Delta"},
                        {"$ref": "#/components/schemas/Created"},
                    ]
                },
                "text/event-stream",
            )
        }
    ),
    "/talk": get(
        {
            "200": content(TALK, "text/event-stream"),
            "404": content({"$ref": "#/components/schemas/Problem"}),
        }
    ),
    "/told": get(
        {
            "200": content(
                TALK,
                "text/event-stream",
                examples={"broken": {"value": {"title": "No."}}, "piece": {"value": {"word": "Hi"}}},
            ),
            "4XX": content({"$ref": "#/components/schemas/Problem"}),
        }
    ),
    "/transcript": get({"200": content(STRING, "text/event-stream", example="data: 1\n\n")}),
}


def event(kind: str) -> Any:
    return {"type": "object", "required": ["type"], "properties": {"type": {"const": f"job.{kind}"}}}


def settings(tmp_path: Path, mock: Mock = "missing", version: str = "3.1.0") -> Settings:
    schemas = {kind.title(): event(kind) for kind in ("created", "delta", "completed", "failed")}
    schemas |= {"Problem": PROBLEM, "Piece": {"type": "object", "required": ["word"], "properties": {"word": STRING}}}
    document = {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "security": [{"key": []}],
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}, "schemas": schemas},
        "paths": PATHS,
    }
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    return Settings(api_keys=("k",), spec=path, mock=mock)


async def _send(app: Any, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        return [
            await client.request(
                method, url, **{**more, "headers": {"accept": "*/*", **KEY, **more.get("headers", {})}}
            )
            for method, url, more in requests
        ]


class Client:
    """Calls the operations of `PATHS`."""

    def __init__(self, tmp_path: Path, mock: Mock = "missing") -> None:
        self.app = wire(settings(tmp_path, mock), EchoEngine())

    def send(self, method: str, url: str, **more: Any) -> httpx.Response:
        return asyncio.run(_send(self.app, [(method, url, more)]))[0]

    def get(self, url: str, **headers: str) -> httpx.Response:
        return self.send("GET", url, headers=headers)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def test_by_default_there_are_no_mocks(tmp_path: Path) -> None:
    answer = Client(tmp_path, "off").get("/plain")
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not_implemented")


def test_a_mock_stands_behind_the_key_and_the_contract(client: Client) -> None:
    assert client.get("/plain", authorization="Bearer wrong").status_code == 401
    unauthorised = client.send("POST", "/items", json={}, headers={"authorization": ""})
    assert unauthorised.status_code == 401
    refused = client.send("POST", "/items", json={"name": 5})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "name")


def test_the_lowest_2xx_answers_then_the_default_then_what_there_is(client: Client) -> None:
    assert client.get("/item").status_code == 200
    assert client.get("/only-default").status_code == 200
    assert client.get("/only-error").status_code == 422
    assert client.get("/only-error").json() == {"title": "string"}
    empty = client.get("/nothing")
    assert (empty.status_code, empty.content, "content-type" in empty.headers) == (204, b"", False)


def test_the_first_example_that_fits_answers(client: Client) -> None:
    assert client.get("/item").json() == {"id": "i1", "name": "small"}


def test_without_an_example_the_answer_is_made_and_has_nothing_that_only_requests_have(client: Client) -> None:
    assert client.get("/plain").json() == {"id": "string", "name": "string", "size": 1}


def test_what_the_request_says_holds_in_the_answer_where_it_fits(client: Client) -> None:
    answer = client.send("POST", "/items", json={"name": "mine", "size": 5})
    assert (answer.status_code, answer.json()) == (201, {"id": "string", "name": "mine", "size": 5})
    answer = client.send("POST", "/items", json={"name": "mine", "size": 50})
    assert answer.json() == {"id": "string", "name": "mine", "size": 1}


@pytest.mark.parametrize("code", [404, 503, 418])
def test_a_client_asks_for_a_status_exactly_by_range_or_by_default(client: Client, code: int) -> None:
    answer = client.get("/item", prefer=f"code={code}")
    assert answer.status_code == code
    assert answer.json() == {"title": "string"}
    assert answer.headers["preference-applied"] == f"code={code}"


def test_an_example_is_asked_for_by_name(client: Client) -> None:
    assert client.get("/item", prefer='return=minimal, example="large"').json()["name"] == "large"
    broken = client.get("/item", prefer="example=broken")
    assert (broken.status_code, broken.json()["error"]["code"]) == (500, "no_mock")


def test_random_answers_are_the_same_for_the_same_seed(client: Client) -> None:
    def ask(text: str) -> Any:
        answer = client.get("/item", prefer=text)
        assert answer.status_code == 200
        assert not {"secret"} & answer.json().keys()
        return answer.json()

    assert ask("dynamic=true, seed=7") == ask("seed=7;dynamic")
    assert len({json.dumps(ask("dynamic=true")) for _ in range(8)}) > 4
    told = client.get("/item", prefer="dynamic=true")
    assert ask(told.headers["preference-applied"]) == told.json()


@pytest.mark.parametrize(
    ("url", "prefer", "parts"),
    [
        ("/plain", "code=500", ["200, 404", "no answer 500"]),
        ("/plain", "code=abc", ["200 to 599"]),
        ("/plain", "code=99", ["200 to 599"]),
        ("/item", "example=huge", ["broken, small, large"]),
        ("/plain", "example=huge", ["It has none"]),
        ("/nothing", "example=huge", ["It has none"]),
        ("/item", "dynamic=perhaps", ["true or false"]),
        ("/item", "seed=-1", ["whole number"]),
    ],
)
def test_a_preference_that_cannot_be_met_is_refused_with_what_there_is(
    client: Client, url: str, prefer: str, parts: list[str]
) -> None:
    answer = client.get(url, prefer=prefer)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == ("Prefer", "invalid_value")
    assert all(part in error["message"] for part in parts)
    assert "huge" not in error["message"]
    assert "perhaps" not in error["message"]


def test_preferences_come_in_several_headers_and_of_one_twice_the_first_holds(client: Client) -> None:
    request = ("GET", "http://t/item", [("authorization", "Bearer k"), ("prefer", "wait=1; foo, code=404"),
                                        ("prefer", "CODE=503, example=x y")])  # fmt: skip

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(client.app)) as sender:
            return await sender.request(request[0], request[1], headers=request[2])

    answer = asyncio.run(run())
    assert answer.status_code == 400, "404 has no example of that name"
    assert "It has none" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/vnd.x+json"),
        ("", "application/vnd.x+json"),
        ("text/*", "text/csv"),
        ("text/csv, application/vnd.x+json;q=0.9", "text/csv"),
        ("text/csv;q=0.1, */*;q=0.2", "application/vnd.x+json"),
        ("application/vnd.x+json;q=0, */*", "text/csv"),
        ("text/event-stream", "text/event-stream; charset=utf-8"),
        ("application/binary", "application/vnd.x+json"),
    ],
)
def test_the_media_type_is_the_one_that_the_client_prefers_json_where_it_is_all_one(
    client: Client, accept: str, media_type: str
) -> None:
    answer = client.get("/both", accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)


def test_an_answer_that_the_client_does_not_accept_is_406_with_what_there_is(client: Client) -> None:
    answer = client.get("/both", accept="image/png, application/*;q=0")
    assert (answer.status_code, answer.json()["error"]["code"]) == (406, "not_acceptable")
    assert "text/csv" in answer.json()["error"]["message"]


def test_answers_that_are_no_objects(client: Client) -> None:
    assert client.get("/scalar").json() == 7
    assert client.get("/null").json() is None
    text = client.get("/text")
    assert (text.text, text.headers["content-type"]) == ("hello", "text/plain")
    audio = client.get("/bytes")
    assert audio.content
    assert audio.headers["content-type"] == "audio/mpeg"
    assert client.get("/image").headers["content-type"] == "image/png"
    assert client.get("/image", accept="image/png").status_code == 200


@pytest.mark.parametrize("url", ["/impossible", "/xml"])
def test_an_answer_that_cannot_be_made_is_an_error_that_says_so(client: Client, url: str) -> None:
    answer = client.get(url)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "no_mock")
    assert "example" in answer.json()["error"]["message"]


def test_the_headers_that_the_document_lists_are_there(client: Client) -> None:
    headers = client.get("/headers").headers
    assert (headers["x-left"], headers["x-tags"], headers["x-when"]) == ("3", "a", "2020-02-02")
    assert headers["x-request-id"].startswith("req_")
    assert len(headers.get_list("x-request-id")) == 1


def test_a_stream_has_an_event_of_each_kind_named_by_its_type_failures_left_out(client: Client) -> None:
    answer = client.get("/events")
    lines = [line for line in answer.text.splitlines() if line]
    kinds = ["job.created", "job.delta", "job.completed"]
    assert lines[:-1] == [line for kind in kinds for line in (f"event: {kind}", f'data: {{"type":"{kind}"}}')]
    assert lines[-1] == "data: [DONE]"


def events(answer: httpx.Response) -> list[Any]:
    *told, done = answer.text.removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in told]


def test_a_stream_has_nothing_that_the_document_lists_as_the_body_of_a_failure_unless_asked(client: Client) -> None:
    assert events(client.get("/talk")) == [{"word": "string"}] * 3
    assert [[*event] for event in events(client.get("/talk", prefer="dynamic=true, seed=1"))] == [["word"]] * 3
    assert events(client.get("/told")) == [{"word": "Hi"}] * 3
    assert events(client.get("/told", prefer="example=broken")) == [{"title": "No."}]


def test_a_schema_of_the_whole_text_of_a_stream_is_answered_with_text(client: Client) -> None:
    assert client.get("/transcript").text == "data: 1\n\n"


def test_with_all_handlers_are_replaced_too_and_no_model_is_needed() -> None:
    found = operations(Document.load(contract_path(Settings())))
    assert needs_engine(Settings(), found)
    assert not needs_engine(Settings(mock="all"), found)
    app = wire(Settings(api_keys=("k",), mock="all", model="/nowhere.gguf"))
    body = {"model": "any-model", "messages": [{"role": "user", "content": "Hello!"}]}
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/chat/completions", {"json": body}),
        ("GET", "/v1/models", {}),
        ("GET", "/healthz", {}),
        ("POST", "/v1/chat/completions", {"json": {**body, "temperature": 3}}),
        ("POST", "/v1/chat/completions", {"json": body, "headers": {"prefer": "code=429"}}),
    ]
    chat, models, health, refused, limited = asyncio.run(_send(app, requests))
    assert chat.json()["model"] == "any-model"
    assert models.json()["object"] == "list"
    assert health.status_code == 200
    assert refused.json()["error"]["param"] == "temperature"
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) >= 0


def test_with_missing_handlers_answer_themselves() -> None:
    app = wire(Settings(api_keys=("k",), mock="missing"), EchoEngine())
    (models,) = asyncio.run(_send(app, [("GET", "/v1/models", {})]))
    assert [model["id"] for model in models.json()["data"]] == ["parley-echo"]


class Requests:
    """Valid requests for any operation, made from its own schemas."""

    def __init__(self, document: Document) -> None:
        self.samples = Samples(Schemas(document), "request")

    def make(self, operation: Operation, seed: int | None) -> tuple[str, str, dict[str, Any]] | None:
        """None where the body is neither JSON nor a form, or a parameter is one that has no plain text."""
        path, query = operation.url, []
        headers: dict[str, str] = {}
        for parameter in operation.parameters:
            value = self.samples.sample(parameter.schema, seed) if parameter.schema else "x"
            values = value if isinstance(value, list) else [value]
            if any(isinstance(item, (dict, list, type(None))) for item in values) or not values:
                if parameter.required:
                    return None
                continue
            texts = [item if isinstance(item, str) else json.dumps(item) for item in values]
            if parameter.location == "path":
                path = path.replace(f"{{{parameter.name}}}", quote(texts[0] or "x", safe=""))
            elif parameter.location == "query":
                query += [(parameter.name, text) for text in texts]
            elif parameter.location == "header":
                headers[parameter.name] = texts[0]
        more: dict[str, Any] = {"headers": headers}
        if operation.request:
            media_type = next((name for name in ("application/json", MULTIPART, FORM) if name in operation.request), "")
            pointer = operation.request_schemas.get(media_type)
            body = self.samples.sample(pointer, seed) if pointer else {}
            if media_type == "application/json":
                more["json"] = body
            elif media_type == MULTIPART:
                # Text of a field is read by its schema, and what is a file is taken with a name only.
                form = operation.request[media_type].form
                assert form is not None
                more["files"] = [
                    (name, ("a.txt" if form.takes_file(name, named=True) else None, text))
                    for name, text in _fields(body)
                ]
            elif media_type == FORM:
                more["content"] = urlencode(_fields(body))
                headers["content-type"] = FORM
            else:
                return None
        return operation.method, path + ("?" + urlencode(query) if query else ""), more


def _fields(body: Any) -> list[tuple[str, str]]:
    """The fields of a form: a list as one field for each item, an object as JSON; null is none."""
    items = [(name, item) for name, value in body.items() for item in (value if isinstance(value, list) else [value])]
    return [(name, item if isinstance(item, str) else json.dumps(item)) for name, item in items if item is not None]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "number", "dynamic"),
    [*((name, 13, dynamic) for name in OURS for dynamic in (False, True)), (NEWEST, 281, False), (OLDER, 110, True)],
)
def test_every_operation_of_another_document_answers_valid_requests_validly(
    name: str, number: int, dynamic: bool
) -> None:
    path = foreign(name)
    document = Document.load(path)
    schemas = Schemas(document)
    app = wire(Settings(api_keys=("k",), spec=path, mock="all"))
    requests = Requests(document)
    prefer = {"prefer": "dynamic=true, seed=3"} if dynamic else {}
    made = [(o, requests.make(o, 3 if dynamic else None)) for o in operations(document)]
    sent = [(o, r) for o, r in made if r is not None]
    answers = asyncio.run(
        _send(app, [(m, u, {**more, "headers": {**more["headers"], **prefer}}) for _, (m, u, more) in sent])
    )
    seen: Counter[str] = Counter()
    for (operation, _), answer in zip(sent, answers, strict=True):
        lowest = min((s for s in operation.responses if s[0] == "2"), default="200")
        assert str(answer.status_code) == lowest, (operation.id, answer.text[:300])
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        pointer = operation.response_schema(answer.status_code, media_type)
        if pointer and media_type == "application/json":
            assert schemas.validator(pointer, "response").is_valid(answer.json()), operation.id
        seen[media_type] += 1
    assert sum(seen.values()) == number, seen
    assert seen["application/json"] > 0.8 * number
