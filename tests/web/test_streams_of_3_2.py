"""A real server under a document of OpenAPI 3.2: methods as they come over a socket, and streams of every kind."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead
from typing import Any

import pytest

from ..live import Server, serve
from .inprocess import openapi
from .test_own_handlers import package

pytestmark = pytest.mark.live

POINT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"const": "point"},
        "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": POINT},
    },
}
HANDLERS = """
import asyncio
from app.web.answers import Event, Stream

async def _numbers(until):
    for n in range(10):
        if n == until:
            yield {"n": "no number"}
        yield {"n": n}
        await asyncio.sleep(0.01)

async def watch_events(until=None):
    async def events():
        async for each in _numbers(until):
            yield Event(each, event="point")
    return Stream(events(), done=False)

async def watch_lines(until=None):
    return Stream(_numbers(until), media_type="application/jsonl")

async def find_things(body):
    return {"found": body["n"]}
"""


def streams(name: str, media_type: str, item: Any) -> Any:
    until = {"name": "until", "in": "query", "schema": {"type": "integer"}}
    answer = {"200": {"content": {media_type: {"itemSchema": item}}}}
    return {"operationId": name, "tags": ["Things"], "parameters": [until], "responses": answer}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("latest")
    package(folder, "mine_3_2", things=HANDLERS)
    body = {"required": True, "content": {"application/json": {"schema": POINT}}}
    found = {"200": {"content": {"application/json": {"schema": {"type": "object"}}}}}
    find = {"operationId": "findThings", "tags": ["Things"], "requestBody": body, "responses": found}
    paths = {
        "/events": {"get": streams("watchEvents", "text/event-stream", EVENT)},
        "/lines": {"get": streams("watchLines", "application/jsonl", POINT)},
        "/things": {"query": find, "additionalOperations": {"COPY": {**find, "operationId": "copyThings"}}},
    }
    (folder / "document.json").write_text(json.dumps(openapi(paths, "3.2.0")))
    env = {
        "PARLEY_SPEC": str(folder / "document.json"),
        "PARLEY_HANDLERS": "mine_3_2",
        "PYTHONPATH": str(folder),
        "PARLEY_MOCK": "missing",
        "PARLEY_PING_INTERVAL": "1",
    }
    with serve("echo", env) as running:
        yield running


def test_a_query_is_asked_with_its_body(server: Server) -> None:
    headers = {**server.bearer, "content-type": "application/json"}
    answer = server.request("QUERY", "/things", body=b'{"n":7}', headers=headers)
    assert (answer.status, answer.json()) == (200, {"found": 7})
    assert server.request("QUERY", "/things", body=b"{}", headers=headers).status == 400
    assert server.request("COPY", "/things", body=b'{"n":7}', headers=headers).status == 200
    refused = server.request("POST", "/things", body=b"{}", headers=headers)
    assert (refused.status, refused.headers["allow"]) == (405, "COPY, QUERY")
    assert server.request("QUERY", "/things", body=b'{"n":7}').status == 401


def test_a_method_in_small_letters_is_another_method(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"copy /things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.makefile("rb").readline().split()[1] == b"400"


def test_events_come_with_their_names_and_a_failure_is_told_among_them(server: Server) -> None:
    answer = server.request("GET", "/events", headers=server.bearer)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = answer.body.decode().split("\n\n")
    assert events == [*(f'event: point\ndata: {{"n":{n}}}' for n in range(10)), ""]
    failed = server.request("GET", "/events?until=3", headers=server.bearer).body.decode().split("\n\n")
    assert failed[:3] == events[:3]
    assert json.loads(failed[3].removeprefix("data: "))["error"]["code"] == "contract_violation"
    assert failed[4:] == [""]


def test_lines_come_one_by_one_and_break_off_at_a_failure(server: Server) -> None:
    answer = server.request("GET", "/lines", headers=server.bearer)
    assert answer.headers["content-type"] == "application/jsonl"
    assert [json.loads(line) for line in answer.body.splitlines()] == [{"n": n} for n in range(10)]
    connection = HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/lines?until=3", headers=server.bearer)
    with pytest.raises((IncompleteRead, ConnectionError)) as caught:
        connection.getresponse().read()
    if isinstance(caught.value, IncompleteRead):
        assert caught.value.partial == b'{"n":0}\n{"n":1}\n{"n":2}\n'
    early = server.request("GET", "/lines?until=0", headers=server.bearer)
    assert (early.status, early.json()["error"]["code"]) == (500, "contract_violation")
    assert server.request("GET", "/lines", headers=server.bearer).status == 200  # and goes on


def test_the_document_is_shown_in_every_version(server: Server) -> None:
    for version in ("3.0", "3.1", "3.2"):
        shown = server.request("GET", f"/openapi-{version}.json").json()
        assert shown["openapi"].startswith(version)
        assert ("query" in shown["paths"]["/things"]) is (version == "3.2")
