"""Under another author's document errors may have that document's shape, and streams its end; ours is the default."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..live import ROOT, serve
from .inprocess import BEARER, Client, application, error, openapi, served
from .twins import VERSIONS

STRING: Any = {"type": "string"}
PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri", "default": "about:blank"},
        "title": STRING,
        "status": {"type": "integer"},
        "detail": STRING,
    },
}
SIMPLE = {
    "type": "object",
    "properties": {"code": {"type": "integer"}, "reason": STRING},
    "required": ["code", "reason"],
    "additionalProperties": False,
}
DETAILS = {
    "type": "object",
    "properties": {"detail": {"type": "array", "items": {"type": "object", "properties": {"msg": STRING}}}},
}
PAGE = {
    "type": "object",
    "properties": {"reason": STRING, "page": STRING},
    "required": ["reason", "page"],
}
LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
TOLD = "Invalid type for 'limit' in the query: expected an integer, but got a string instead."


def answers(schema: Any, media_type: str = "application/json") -> dict[str, Any]:
    return {"description": "d", "content": {media_type: {"schema": schema}}}


def document(version: str = "3.1.1") -> dict[str, Any]:
    """A document whose paths tell errors in different shapes."""
    ok = answers({"type": "object"})
    listed: dict[str, Any] = {
        "/problem": {"200": ok, "4XX": {"$ref": "#/components/responses/Problem"}},
        "/simple": {"200": ok, "400": answers(SIMPLE), "default": answers(PROBLEM)},
        "/default": {"2XX": ok, "default": answers(SIMPLE)},
        "/either": {"default": answers(SIMPLE)},
        "/page": {"200": ok, "400": answers(STRING, "text/html")},
        "/silent": {"200": ok, "400": answers({"type": "object", "properties": {"id": STRING}, "required": ["id"]})},
        "/nothing": {"200": ok, "400": {"description": "d"}},
        "/other": {"200": ok, "404": answers(SIMPLE), "422": answers(DETAILS), "500": answers(PROBLEM)},
        "/unlike": {"200": ok, "404": answers(PAGE)},
    }
    paths = {path: {"get": {"parameters": [LIMIT], "responses": each}} for path, each in listed.items()}
    schemes = {"bearer": {"type": "http", "scheme": "bearer"}}
    responses = {"Problem": answers(PROBLEM, "application/problem+json")}
    return openapi(paths, version, components={"securitySchemes": schemes, "responses": responses})


EXPECTED: dict[str, tuple[str, Any]] = {
    "/problem": (
        "application/problem+json",
        {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": TOLD},
    ),
    "/simple": ("application/json", {"code": 400, "reason": TOLD}),
    "/default": ("application/json", {"code": 400, "reason": TOLD}),
    # As for another error: the nearest.
    "/other": ("application/json", {"detail": [{"msg": TOLD}]}),
}
OURS = {"message": TOLD, "type": "invalid_request_error", "param": "limit", "code": "invalid_type"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", EXPECTED)
def test_an_error_has_the_shape_that_the_document_lists_for_its_status(path: str, version: str, tmp_path: Path) -> None:
    with application(document(version), tmp_path, conventions="document") as client:
        answer = client.get(f"{path}?limit=x", headers=BEARER)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (400, *EXPECTED[path])
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/either", "/page", "/silent", "/nothing", "/unlike"])
def test_where_the_document_has_no_place_for_it_an_error_has_our_shape(
    path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with application(document(), tmp_path, conventions="document") as client:
        for _ in range(2):
            assert error(client.get(f"{path}?limit=x", headers=BEARER), 400) == OURS
    said = [record.getMessage() for record in caplog.records if "no property for the message" in record.getMessage()]
    assert len(said) == (path == "/silent")


def test_errors_of_no_operation_have_our_shape(tmp_path: Path) -> None:
    with application(document(), tmp_path, conventions="document") as client:
        error(client.get("/unknown"), 404)
        error(client.post("/problem"), 405)


def test_an_error_keeps_its_headers_and_its_status(tmp_path: Path) -> None:
    with application(document(), tmp_path, conventions="document") as client:
        answer = client.get("/problem")
        missing = client.get("/default", headers=BEARER)
        assert client.get("/other").json()["code"] == 401
    assert (answer.status_code, answer.json()["status"]) == (401, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert (missing.status_code, missing.json()["code"]) == (501, 501)


@pytest.mark.parametrize("path", EXPECTED)
def test_by_default_errors_have_our_shape_under_every_document(path: str, tmp_path: Path) -> None:
    with application(document(), tmp_path) as client:
        assert error(client.get(f"{path}?limit=x", headers=BEARER), 400) == OURS


def test_under_our_contract_errors_and_streams_are_ours_whatever_the_setting() -> None:
    with served(conventions="document") as client:
        chat = {"model": "parley-echo", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        assert client.post("/v1/chat/completions", json=chat, headers=BEARER).text.endswith("data: [DONE]\n\n")
        error(client.post("/v1/chat/completions", json={}, headers=BEARER), 400)
        error(client.post("/v1/chat/completions", json={}), 401)


# -- streams -----------------------------------------------------------------------------------------------------

TICK = {
    "type": "object",
    "properties": {"type": {"enum": ["tick"]}, "at": {"type": "integer"}},
    "required": ["type", "at"],
}
FAILED = {
    "type": "object",
    "properties": {"type": {"enum": ["failed"]}, "message": STRING, "code": STRING},
    "required": ["type", "message"],
}
HANDLERS = """
    from app.errors import RateLimited
    from parley import Stream

    async def watch(body=None):
        async def events():
            yield {"type": "tick", "at": 1}
            if (body or {}).get("fails"):
                raise RateLimited("Too much for now.")
        return Stream(events(), named=(body or {}).get("named", False))
"""


def streaming(schema: Any, media: Any = None, body: Any = None, **fields: Any) -> dict[str, Any]:
    """A document whose one operation has a stream, by the handler above."""
    events = {"schema": schema, **(media or {})}
    operation = {
        "operationId": "watch",
        "requestBody": {"content": {"application/json": {"schema": body or {"type": "object"}}}},
        "responses": {
            "200": {"description": "d", "content": {"text/event-stream": events}},
            "default": answers(SIMPLE),
        },
        **fields,
    }
    return openapi({"/watch": {"post": operation}})


@contextmanager
def watching(
    document: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, setting: str = "document"
) -> Iterator[Client]:
    name = f"watchers_{folder.name}".replace("-", "_")
    _package(folder / name)
    monkeypatch.syspath_prepend(folder)
    with application(document, folder, handlers=(name,), conventions=setting) as client:
        yield client


def _package(folder: Path) -> None:
    folder.mkdir()
    (folder / "__init__.py").write_text(textwrap.dedent(HANDLERS))


TICKED = 'data: {"type":"tick","at":1}\n\n'
DONE = "data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("document", "end"),
    [
        (streaming(TICK), ""),
        (streaming({"oneOf": [TICK, {"type": "string", "enum": ["[DONE]"]}]}), DONE),
        (streaming({"type": "object", "properties": {"data": {"oneOf": [TICK, {"const": "[DONE]"}]}}}), DONE),
        (streaming(TICK, {"example": 'data: {"type": "tick", "at": 1}\n\ndata: [DONE]\n\n'}), DONE),
        (streaming(TICK, {"x-sentinel": "[DONE]"}), DONE),
        (streaming(TICK, description="It ends with `data: [DONE]`."), DONE),
        (streaming(TICK, body={"type": "object", "description": "Until [DONE]."}), DONE),
    ],
)
def test_a_stream_ends_with_done_where_the_document_speaks_of_it(
    document: Any, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(document, tmp_path, monkeypatch) as client:
        assert client.post("/watch", json={}, headers=BEARER).text == TICKED + end


@pytest.mark.parametrize(
    ("document", "failure"),
    [
        (
            streaming({"oneOf": [TICK, FAILED]}),
            {"type": "failed", "message": "Too much for now.", "code": "rate_limit_exceeded"},
        ),
        (streaming(TICK), {"code": 429, "reason": "Too much for now."}),
    ],
)
def test_a_failure_in_a_stream_is_told_as_the_document_has_it(
    document: Any, failure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(document, tmp_path, monkeypatch) as client:
        text = client.post("/watch", json={"fails": True}, headers=BEARER).text
        assert json.loads(text.removeprefix(TICKED).removeprefix("data: ")) == failure
        named = client.post("/watch", json={"fails": True, "named": True}, headers=BEARER).text
        assert ("event: failed\n" in named) is ("type" in failure)


def test_by_default_a_stream_fails_and_ends_as_ours_under_every_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(streaming({"oneOf": [TICK, FAILED]}), tmp_path, monkeypatch, "ours") as client:
        text = client.post("/watch", json={"fails": True}, headers=BEARER).text
    failure = text.removeprefix(TICKED).removesuffix(DONE).removeprefix("data: ")
    assert text.endswith(DONE)
    assert json.loads(failure)["error"]["code"] == "rate_limit_exceeded"


def test_mocks_of_streams_end_as_the_document_has_it(tmp_path: Path) -> None:
    for status in ("200", "206"):
        made = streaming(TICK)
        responses = made["paths"]["/watch"]["post"]["responses"]
        responses[status] = responses.pop("200")
        for setting, ends in (("document", False), ("ours", True)):
            with application(made, tmp_path, mock="all", conventions=setting) as client:
                answer = client.post("/watch", json={}, headers=BEARER)
                assert (answer.status_code, answer.text.endswith(DONE)) == (int(status), ends)


@pytest.mark.live
def test_a_server_has_the_conventions_of_its_document(tmp_path: Path) -> None:
    _package(tmp_path / "watchers")
    made = document()
    made["paths"].update(streaming({"oneOf": [TICK, FAILED]})["paths"])
    (tmp_path / "api.json").write_text(json.dumps(made))
    env = {
        "PARLEY_SPEC": str(tmp_path / "api.json"),
        "PARLEY_HANDLERS": "watchers",
        "PARLEY_CONVENTIONS": "document",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path))),
    }
    with serve("echo", env=env) as server:
        for path, (media_type, body) in EXPECTED.items():
            answer = server.request("GET", f"{path}?limit=x", headers=server.bearer)
            assert (answer.status, answer.headers["content-type"], answer.json()) == (400, media_type, body)
        assert server.request("GET", "/problem").json()["title"] == "Unauthorized"
        stream = server.request("POST", "/watch", body={"fails": True}, headers=server.bearer).body.decode()
        assert stream.startswith(TICKED)
        assert json.loads(stream.removeprefix(TICKED).removeprefix("data: "))["type"] == "failed"
        whole = server.request("POST", "/watch", body={}, headers=server.bearer)
        assert whole.body.decode() == TICKED
