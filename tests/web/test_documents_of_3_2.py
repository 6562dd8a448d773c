"""What OpenAPI 3.2 has new is honoured: methods, the query as one parameter, cookies, media types among the components,
and sequences of items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.contract.sequences import events_in
from app.errors import DocumentError

from .inprocess import BEARER, application, error, openapi
from .test_own_handlers import package

OPEN: Any = {"security": [], "components": {}}
INTEGER = {"type": "integer"}
POINT = {"type": "object", "required": ["n"], "properties": {"n": INTEGER}, "additionalProperties": False}
JSON_POINT = {"type": "string", "contentMediaType": "application/json", "contentSchema": POINT}


def answer(media: Any, media_type: str = "application/json") -> Any:
    return {"200": {"content": {media_type: media}}}


def sequence(item: Any, media_type: str) -> Any:
    return {"operationId": "watchThings", "tags": ["Things"], "responses": answer({"itemSchema": item}, media_type)}


def document(paths: Any, **fields: Any) -> Any:
    return openapi(paths, "3.2.0", **{**OPEN, **fields})


def with_parameter(place: str, name: str, **more: Any) -> Any:
    operation = {"parameters": [{"name": name, "in": place, **more}], "responses": answer({"schema": {}})}
    return document({"/a": {"get": operation}})


def test_methods_of_any_name_are_routed_and_the_others_told_of_them(tmp_path: Path) -> None:
    body = {"required": True, "content": {"application/json": {"schema": POINT}}}
    item = {
        "query": {"requestBody": body, "responses": answer({"schema": {"const": "queried"}})},
        "additionalOperations": {
            "COPY": {"responses": answer({"schema": {"const": "copied"}})},
            "X-DO!": {"responses": answer({"schema": {"const": "done"}})},
        },
    }
    with application(document({"/a": item, "/b/{id}": item}), tmp_path, mock="all") as client:
        for path in ("/a", "/b/7"):
            assert client.send("QUERY", path, json={"n": 1}).json() == "queried"
            assert error(client.send("QUERY", path, json={"n": "x"}), 400)["param"] == "n"
            assert client.send("COPY", path).json() == "copied"
            assert client.send("X-DO!", path).json() == "done"
            refused = client.get(path)
            assert (refused.status_code, refused.headers["allow"]) == (405, "COPY, QUERY, X-DO!")


def test_in_3_1_these_fields_are_no_operations(tmp_path: Path) -> None:
    item = {"get": {"responses": answer({})}, "query": {"responses": {}}, "additionalOperations": {"COPY": {}}}
    with application({**document({"/a": item}), "openapi": "3.1.0"}, tmp_path, mock="all") as client:
        assert client.send("QUERY", "/a").headers["allow"] == "GET, HEAD"
        assert client.send("COPY", "/a").status_code == 405


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("POST", "POST is not allowed in additionalOperations; write it as the field post"),
        ("get", "get is not allowed in additionalOperations; write it as the field get"),
        ("copy", "the method copy is not served; those of 3 to 20 capital letters"),
        ("A B", "the method A B is not served"),
        ("CONNECT", "CONNECT requests a tunnel"),
    ],
)
def test_a_method_that_cannot_be_served_ends_the_start_or_is_left_out(tmp_path: Path, method: str, told: str) -> None:
    item = {"additionalOperations": {method: {"responses": answer({})}}, "get": {"responses": answer({})}}
    with pytest.raises(DocumentError, match=told), application(document({"/a": item}), tmp_path):
        pass
    with application(document({"/a": item}), tmp_path, lenient=True, mock="all") as client:
        assert client.get("/a").status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ('to=3&tags=a&tags=b&at={"n":1}', 200, None),
        ("to=3&at[n]=1", 200, None),
        ("to=x", 400, "f.to"),
        ("tags=a", 400, "f.to"),
        ("to=3&other=1", 400, "f.other"),
        ("", 400, "f"),
    ],
)
def test_the_query_may_be_one_form(tmp_path: Path, query: str, status: int, param: str | None) -> None:
    schema = {
        "type": "object",
        "required": ["to"],
        "properties": {"to": INTEGER, "tags": {"type": "array", "items": {"type": "string"}}, "at": POINT},
        "additionalProperties": False,
    }
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    with application(
        with_parameter("querystring", "f", required=True, content=content), tmp_path, mock="all"
    ) as client:
        found = client.get(f"/a?{query}")
        assert found.status_code == status, found.text
        if status == 400:
            assert error(found, 400)["param"] == param


def test_the_query_may_be_json_as_a_whole(tmp_path: Path) -> None:
    content = {"application/json": {"schema": POINT}}
    with application(with_parameter("querystring", "q", content=content), tmp_path, mock="all") as client:
        assert client.get("/a?%7B%22n%22%3A1%7D").status_code == 200
        assert client.get("/a").status_code == 200
        assert error(client.get("/a?%7B%22n%22%3A%221%22%7D"), 400)["param"] == "q.n"
        assert error(client.get("/a?n=1"), 400)["code"] == "invalid_json"


def test_a_query_that_is_one_parameter_has_no_others_beside_it(tmp_path: Path) -> None:
    whole = {"name": "q", "in": "querystring", "content": {"application/json": {"schema": {}}}}
    other = {"name": "p", "in": "query", "schema": {}}
    for parameters in ([whole, other], [whole, {**whole, "name": "r"}]):
        paths = {"/a": {"get": {"parameters": parameters, "responses": answer({})}}}
        with pytest.raises(DocumentError, match="is the whole query"), application(document(paths), tmp_path):
            pass
    with (
        pytest.raises(DocumentError, match="write content with one media type"),
        application(with_parameter("querystring", "q", schema={}), tmp_path),
    ):
        pass


def test_a_cookie_of_its_own_style_is_taken_as_it_stands(tmp_path: Path) -> None:
    schema = {"enum": ["a%20b"]}
    with application(with_parameter("cookie", "c", schema=schema, style="cookie"), tmp_path, mock="all") as client:
        assert client.get("/a", headers={"cookie": "c=a%20b"}).status_code == 200
    with application(with_parameter("cookie", "c", schema=schema), tmp_path, mock="all") as client:
        assert error(client.get("/a", headers={"cookie": "c=a%20b"}), 400)["param"] == "c"
    many = {"type": "array", "items": INTEGER, "minItems": 2}
    with application(with_parameter("cookie", "c", schema=many, style="cookie"), tmp_path, mock="all") as client:
        assert client.get("/a", headers={"cookie": "c=1; c=2"}).status_code == 200
        assert error(client.get("/a", headers={"cookie": "c=1; c=x"}), 400)["param"] == "c[1]"


def test_media_types_may_stand_among_the_components(tmp_path: Path) -> None:
    media = {"schema": POINT, "examples": {"one": {"dataValue": {"n": 1}}, "two": {"serializedValue": '{"n": 2}'}}}
    given = {"$ref": "#/components/mediaTypes/Point"}
    operation = {"requestBody": {"content": {"application/json": given}}, "responses": answer(given)}
    whole = document({"/a": {"post": operation}}, components={"mediaTypes": {"Point": media}})
    with application(whole, tmp_path, mock="all") as client:
        assert error(client.post("/a", json={"n": "x"}), 400)["param"] == "n"
        assert client.post("/a", json={}).status_code == 400
        assert client.post("/a").json() == {"n": 1}
        assert client.post("/a", headers={"prefer": "example=two"}).json() == {"n": 2}


def test_a_key_may_be_named_by_its_place(tmp_path: Path) -> None:
    schemes = {"key": {"type": "http", "scheme": "bearer", "deprecated": True}}
    whole = document(
        {"/a": {"get": {"responses": answer({})}}},
        security=[{"#/components/securitySchemes/key": []}],
        components={"securitySchemes": schemes},
    )
    with application(whole, tmp_path, mock="all") as client:
        assert client.get("/a", headers=BEARER).status_code == 200
        assert error(client.get("/a"), 401)


PET: Any = {"type": "object", "properties": {"kind": {"type": "string"}}}
PETS: Any = {
    "Cat": {"allOf": [{"$ref": "#/components/schemas/Pet"}], "properties": {"lives": INTEGER}, "required": ["lives"]},
    "Dog": {"allOf": [{"$ref": "#/components/schemas/Pet"}], "properties": {"bark": INTEGER}, "required": ["bark"]},
    "Other": {"$ref": "#/components/schemas/Pet"},
    "Pet": PET,
}


@pytest.mark.parametrize(
    ("pet", "status"),
    [
        ({"kind": "Cat", "lives": 9}, 200),
        ({"kind": "Cat"}, 400),
        ({"kind": "hound", "bark": 1}, 200),
        ({"kind": "hound"}, 400),
        ({"kind": "Axolotl"}, 200),
        ({}, 200),
        ({"lives": 9}, 200),  # without the property the default branch is meant
    ],
)
def test_what_no_value_stands_for_is_of_the_default_branch(tmp_path: Path, pet: Any, status: int) -> None:
    union = {
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Cat", "Dog", "Other")],
        "discriminator": {"propertyName": "kind", "mapping": {"hound": "Dog"}, "defaultMapping": "Other"},
    }
    operation = {
        "requestBody": {"content": {"application/json": {"schema": union}}},
        "responses": answer({"schema": {}}),
    }
    with application(
        document({"/a": {"post": operation}}, components={"schemas": PETS}), tmp_path, mock="all"
    ) as client:
        assert client.post("/a", json=pet).status_code == status


LINES = {
    "application/jsonl": b"%s\n%s\n",
    "application/x-ndjson": b"%s\n\n%s",
    "application/json-seq": b"\x1e%s\n\x1e%s\n",
}


@pytest.mark.parametrize("media_type", LINES)
def test_a_body_of_items_is_held_to_their_schema_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, media_type: str
) -> None:
    name = "mine_" + "".join(filter(str.isalpha, media_type))
    package(tmp_path, name, things="async def load_things(body):\n    return {'got': body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    operation = {
        "operationId": "loadThings",
        "tags": ["Things"],
        "requestBody": {"required": True, "content": {media_type: {"itemSchema": POINT}}},
        "responses": answer({"schema": {}}),
    }
    headers = {"content-type": media_type}
    with application(document({"/a": {"post": operation}}), tmp_path, handlers=(name,), max_values=200) as client:
        sent = LINES[media_type] % (b'{"n":1}', b'{"n": 2}')
        assert client.post("/a", content=sent, headers=headers).json() == {"got": [{"n": 1}, {"n": 2}]}
        wrong = error(client.post("/a", content=LINES[media_type] % (b'{"n":1}', b'{"n":"x"}'), headers=headers), 400)
        assert (wrong["param"], wrong["code"]) == ("[1].n", "invalid_type")
        broken = error(client.post("/a", content=LINES[media_type] % (b'{"n":1}', b'{"n":'), headers=headers), 400)
        assert (broken["param"], broken["code"]) == ("[1]", "invalid_json")
        many = LINES[media_type] % (b'{"n":1}', b'{"n":1}') * 30
        assert error(client.post("/a", content=many, headers=headers), 413)["code"] == "request_too_large"
        assert error(client.post("/a", headers=headers), 400)["code"] == "missing_body"


def test_a_schema_of_a_sequence_is_that_of_the_list_of_its_items(tmp_path: Path) -> None:
    schema = {"type": "array", "items": POINT, "maxItems": 2}
    operation = {
        "requestBody": {"content": {"application/jsonl": {"schema": schema}}},
        "responses": answer({"schema": {}}),
    }
    headers = {"content-type": "application/jsonl"}
    with application(document({"/a": {"post": operation}}), tmp_path, mock="all") as client:
        assert client.post("/a", content=b'{"n":1}\n' * 2, headers=headers).status_code == 200
        assert error(client.post("/a", content=b'{"n":1}\n' * 3, headers=headers), 400)["code"]
        assert error(client.post("/a", content=b'{"n":""}\n', headers=headers), 400)["param"] == "[0].n"


def test_a_schema_of_no_list_is_taken_for_that_of_an_item(tmp_path: Path) -> None:
    operation = {
        "requestBody": {"content": {"application/jsonl": {"schema": POINT}}},
        "responses": answer({"schema": POINT}, "application/jsonl"),
    }
    headers = {"content-type": "application/jsonl"}
    with application(document({"/a": {"post": operation}}), tmp_path, mock="all") as client:
        assert client.post("/a", content=b'{"n":1}\n', headers=headers).text == '{"n":0}\n' * 3
        assert error(client.post("/a", content=b"{}\n", headers=headers), 400)["param"] == "[0].n"


def test_events_that_are_sent_are_held_to_their_schema_with_their_data(tmp_path: Path) -> None:
    item = {
        "type": "object",
        "required": ["event", "data"],
        "properties": {"event": {"enum": ["add"]}, "data": JSON_POINT, "retry": INTEGER},
    }
    operation = {
        "requestBody": {"content": {"text/event-stream": {"itemSchema": item}}},
        "responses": answer({"schema": {}}),
    }
    headers = {"content-type": "text/event-stream"}
    with application(document({"/a": {"post": operation}}), tmp_path, mock="all", max_values=200) as client:
        sent = b': hi\nevent: add\ndata: {"n":\ndata: 1}\nretry: 5\n\n'
        assert client.post("/a", content=sent, headers=headers).status_code == 200
        assert (
            error(client.post("/a", content=sent.replace(b"add", b"b"), headers=headers), 400)["param"] == "[0].event"
        )
        much = client.post("/a", content=sent.replace(b"1}", b"[" + b"{}," * 99 + b"1]}"), headers=headers)
        assert error(much, 413)["code"] == "request_too_large"
        wrong = client.post("/a", content=sent.replace(b"1}", b'"x"}'), headers=headers)
        assert error(wrong, 400)["param"] == "[0].data.n"


def multipart(*parts: tuple[str, bytes]) -> bytes:
    texts = [b"--b\r\n%s\r\n\r\n%s\r\n" % (head.encode(), body) for head, body in parts]
    return b"".join(texts) + b"--b--\r\n"


def test_parts_without_names_are_read_by_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(
        tmp_path,
        "mine_parts",
        things="async def load_things(body):\n    return [x if type(x) is not bytes else len(x) for x in body]\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    token = {"required": True, "schema": INTEGER}
    media = {
        "schema": {"type": "array", "prefixItems": [POINT, {"type": "string"}], "minItems": 2},
        "prefixEncoding": [{}, {"contentType": "text/plain", "headers": {"X-Token": token}}],
        "itemEncoding": {"contentType": "image/*"},
    }
    operation = {
        "operationId": "loadThings",
        "tags": ["Things"],
        "requestBody": {"content": {"multipart/mixed": media}},
        "responses": answer({"schema": {}}),
    }
    headers = {"content-type": "multipart/mixed; boundary=b"}
    head, text, picture = (
        "Content-Type: application/json",
        "Content-Type: text/plain\r\nX-Token: 1",
        "Content-Type: image/png",
    )
    with application(document({"/a": {"post": operation}}), tmp_path, handlers=("mine_parts",)) as client:

        def post(*parts: tuple[str, bytes]) -> Any:
            return client.post("/a", content=multipart(*parts), headers=headers)

        assert post((head, b'{"n":1}'), (text, b"t"), (picture, b"\x00\xff")).json() == [{"n": 1}, "t", 2]
        assert error(post((head, b'{"n":"x"}'), (text, b"t")), 400)["param"] == "[0].n"
        assert error(post((head, b'{"n":1}')), 400)
        assert error(post((head, b'{"n":1}'), ("Content-Type: text/plain", b"t")), 400)["param"] == "[1].X-Token"
        assert error(post((head, b'{"n":1}'), (text, b"t"), (head, b"{}")), 400)["param"] == "[2]"
        assert error(post((head, b"{"), (text, b"t")), 400)["code"] == "invalid_json"
        cut = client.post("/a", content=multipart((head, b'{"n":1}'))[:-6], headers=headers)
        assert error(cut, 400)["code"] == "invalid_multipart"


NESTED: Any = {"schema": {}, "encoding": {"a": {"encoding": {}}}}
UNREAD: dict[str, tuple[str, Any]] = {
    "application/json has no separate items": ("application/json", {"itemSchema": {}}),
    "has no parts by position": ("multipart/form-data", {"schema": {}, "itemEncoding": {}}),
    "encoding/a/encoding: parts inside a part are not read": ("multipart/form-data", NESTED),
}


@pytest.mark.parametrize("told", UNREAD)
def test_what_cannot_be_held_to_ends_the_start_or_is_left_out(tmp_path: Path, told: str) -> None:
    media_type, media = UNREAD[told]
    paths = {
        "/a": {"post": {"requestBody": {"content": {media_type: media}}, "responses": answer({"schema": {}})}},
        "/b": {"get": {"responses": answer({"schema": {}})}},
    }
    with pytest.raises(DocumentError, match=told), application(document(paths), tmp_path):
        pass
    with application(document(paths), tmp_path, lenient=True, mock="all") as client:
        assert error(client.post("/a"), 501)
        assert client.get("/b").status_code == 200


EVENTS: dict[str, Any] = {
    "add": {
        "type": "object",
        "required": ["event", "data"],
        "properties": {"event": {"const": "add"}, "data": JSON_POINT},
    },
    "gone": {
        "type": "object",
        "required": ["event", "id"],
        "properties": {
            "event": {"const": "gone"},
            "id": {"type": "string"},
            "data": {"type": "string", "maxLength": 6},
        },
    },
}
HANDLERS = """
from parley import Event, Reply, Stream

async def watch_things(request):
    (wanted,) = request.lines("x-wanted")
    async def events():
        for each in eval(wanted):
            yield each
    return Stream(events(), done=False, named="named" in wanted, **KIND)
"""


def handled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, operation: Any, kind: str = "{}") -> Any:
    package(tmp_path, name, things=HANDLERS.replace("KIND", kind))
    monkeypatch.syspath_prepend(tmp_path)
    return application(document({"/a": {"get": operation}}), tmp_path, handlers=(name,))


@pytest.mark.parametrize(
    ("events", "sent"),
    [
        ("[Event({'n': 1}, event='add')]", [{"event": "add", "data": '{"n":1}'}]),
        ("[Event('{\"n\": 1}', event='add')]", [{"event": "add", "data": '{"n": 1}'}]),
        ("[Event('a\\nb', event='gone', id='7')]", [{"event": "gone", "id": "7", "data": "a\nb"}]),
        ("[Event({'n': 'x'}, event='add')]", None),
        ("[Event('text', event='add')]", None),
        ("[Event('too long for it', event='gone', id='7')]", None),
        ("[Event('a', event='gone')]", None),
        ("[Event('a', event='other', id='7')]", None),
        ("[{'n': 1}]", None),
    ],
)
def test_events_of_a_handler_are_held_to_the_schema_of_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: str, sent: Any
) -> None:
    operation = sequence({"oneOf": list(EVENTS.values())}, "text/event-stream")
    with handled(tmp_path, monkeypatch, "mine_events", operation) as client:
        found = client.get("/a", headers={"x-wanted": events})
        if sent is None:
            assert error(found, 500)["code"] == "contract_violation"
        else:
            assert found.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert events_in(found.text) == sent


@pytest.mark.parametrize("data", [JSON_POINT, POINT])
def test_where_nothing_but_the_data_is_described_a_handler_gives_data_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Any
) -> None:
    item = {"type": "object", "required": ["data"], "properties": {"event": {"type": "string"}, "data": data}}
    done = {"type": "object", "properties": {"data": {"const": "[DONE]"}}}
    name = f"mine_data_{data['type']}"
    with handled(tmp_path, monkeypatch, name, sequence({"anyOf": [item, done]}, "text/event-stream")) as client:
        assert client.get("/a", headers={"x-wanted": "[{'n': 1}]"}).text == 'data: {"n":1}\n\n'
        assert error(client.get("/a", headers={"x-wanted": "[{'n': 'x'}]"}), 500)["code"] == "contract_violation"


@pytest.mark.parametrize("media_type", LINES)
def test_items_of_a_handler_are_held_to_their_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, media_type: str
) -> None:
    name = "mine_items_" + "".join(filter(str.isalpha, media_type))
    kind = f"dict(media_type={media_type!r})"
    start = b"\x1e" if media_type.endswith("seq") else b""
    with handled(tmp_path, monkeypatch, name, sequence(POINT, media_type), kind) as client:
        found = client.get("/a", headers={"x-wanted": "[{'n': 1}, {'n': 2}]"})
        assert found.headers["content-type"] == media_type
        assert found.content == start + b'{"n":1}\n' + start + b'{"n":2}\n'
        assert error(client.get("/a", headers={"x-wanted": "[{'n': 'x'}]"}), 500)["code"] == "contract_violation"


def test_a_list_of_a_handler_is_sent_item_by_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    from parley import Reply

    async def watch_things(request):
        return Reply(eval(request.lines("x-wanted")[0]), media_type="application/jsonl")
    """
    package(tmp_path, "mine_list", things=text)
    monkeypatch.syspath_prepend(tmp_path)
    paths = {"/a": {"get": sequence(POINT, "application/jsonl")}}
    with application(document(paths), tmp_path, handlers=("mine_list",)) as client:
        assert client.get("/a", headers={"x-wanted": "[{'n': 1}, {'n': 2}]"}).content == b'{"n":1}\n{"n":2}\n'
        assert error(client.get("/a", headers={"x-wanted": "[{'n': 1}, {}]"}), 500)["code"] == "contract_violation"


MOCKED: dict[str, tuple[Any, list[Any]]] = {
    "a few of one kind": ({**EVENTS["add"]}, [{"event": "add", "data": '{"n":0}'}] * 3),
    "one of each kind": (
        {"oneOf": list(EVENTS.values())},
        [{"event": "add", "data": '{"n":0}'}, {"event": "gone", "id": "string", "data": "string"}],
    ),
    "data alone": ({"type": "object", "properties": {"data": JSON_POINT}}, [{"data": '{"n":0}'}] * 3),
    "with an end": (
        {"oneOf": [{**EVENTS["add"]}, {"type": "object", "properties": {"data": {"const": "[DONE]"}}}]},
        [{"event": "add", "data": '{"n":0}'}] * 3 + [{"data": "[DONE]"}],
    ),
    "data alone with an end": (
        {
            "oneOf": [
                {"type": "object", "properties": {"data": JSON_POINT}},
                {"type": "object", "properties": {"data": {"enum": ["[DONE]"]}}},
            ]
        },
        [{"data": '{"n":0}'}] * 3 + [{"data": "[DONE]"}],
    ),
}


@pytest.mark.parametrize("kind", MOCKED)
def test_a_mock_sends_events_that_fit_and_an_end_only_where_the_document_has_one(tmp_path: Path, kind: str) -> None:
    item, events = MOCKED[kind]
    whole = document({"/a": {"get": {"responses": answer({"itemSchema": item}, "text/event-stream")}}})
    with application(whole, tmp_path, mock="all") as client:
        assert events_in(client.get("/a").text) == events
        random = events_in(client.get("/a", headers={"prefer": "seed=7"}).text)
        assert [event.get("event") for event in random] == [event.get("event") for event in events]


def test_a_mock_sends_the_events_of_an_example(tmp_path: Path) -> None:
    given = 'event: add\ndata: {"n": 5}\n\nevent: gone\nid: 7\ndata: x\n\n'
    media = {"itemSchema": {"oneOf": list(EVENTS.values())}, "examples": {"all": {"serializedValue": given}}}
    whole = document({"/a": {"get": {"responses": answer(media, "text/event-stream")}}})
    with application(whole, tmp_path, mock="all") as client:
        assert events_in(client.get("/a").text) == events_in(given)


@pytest.mark.parametrize("media_type", LINES)
def test_a_mock_sends_items_that_fit(tmp_path: Path, media_type: str) -> None:
    media = {"itemSchema": POINT, "examples": {"two": {"dataValue": [{"n": 1}, {"n": 2}]}}}
    paths = {
        "/a": {"get": {"responses": answer({"itemSchema": POINT}, media_type)}},
        "/b": {"get": {"responses": answer(media, media_type)}},
    }
    with application(document(paths), tmp_path, mock="all") as client:
        found = client.get("/a")
        assert found.headers["content-type"] == media_type
        assert [json.loads(text) for text in found.text.replace("\x1e", "").splitlines()] == [{"n": 0}] * 3
        given = client.get("/b").text.replace("\x1e", "").splitlines()
        assert [json.loads(text) for text in given] == [{"n": 1}, {"n": 2}]
