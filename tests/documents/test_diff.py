"""What changed between two documents is told operation by operation, and what breaks clients is marked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.contract.document import Document
from app.documents.diff.documents import compare_documents
from app.documents.diff.schemas import Repeat

from ..foreign import NEWEST, OLDER, OURS, foreign

Json = dict[str, Any]
Told = list[tuple[str, bool | None]]


def make(paths: Json, version: str = "3.1.0", **fields: Any) -> Document:
    return Document({"openapi": version, "info": {"title": "t", "version": "1"}, "paths": paths, **fields})


def changes(before: Document, after: Document) -> list[tuple[str, str, bool | None, str]]:
    """Place, path, whether it breaks, and words of each change."""
    found = compare_documents(before, after).changes
    return [(c.place, c.path, c.breaking, c.message) for c in found]


def operation(schema: Any = None, answer: Any = None, **fields: Any) -> Json:
    """A post with a schema of its body and one of its answer."""
    node: Json = {"operationId": "a", "responses": {"200": {"description": "d"}}, **fields}
    if schema is not None:
        node["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    if answer is not None:
        node["responses"]["200"]["content"] = {"application/json": {"schema": answer}}
    return {"/a": {"post": node}}


STRING: Json = {"type": "string"}
A: Json = {"type": "object", "properties": {"a": STRING}}
TEXT: Json = {"type": "object", "properties": {"kind": {"enum": ["text"]}}, "required": ["kind"]}
IMAGE: Json = {"type": "object", "properties": {"kind": {"enum": ["image"]}}, "required": ["kind"]}

# Two schemas, the path, what is told, and whether it breaks those who send it and those who read it.
SCHEMAS: list[tuple[Any, Any, str, str, bool | None, bool | None]] = [
    (A, {**A, "properties": {"a": STRING, "b": STRING}}, "b", "optional property added", False, False),
    (
        A,
        {**A, "properties": {"a": STRING, "b": STRING}, "required": ["b"]},
        "b",
        "required property added",
        True,
        False,
    ),
    ({**A, "properties": {"a": STRING, "b": STRING}}, A, "b", "property removed", None, True),
    (A, {**A, "required": ["a"]}, "a", "required now", True, False),
    ({**A, "required": ["a"]}, A, "a", "required no more", False, True),
    (STRING, {"type": "integer"}, "", "type: string -> integer", True, True),
    ({"type": "number"}, {"type": "integer"}, "", "type: number -> integer", True, False),
    ({"type": "integer"}, {"type": "number"}, "", "type: integer -> number", False, True),
    (STRING, {"type": ["string", "null"]}, "", "null is accepted now", False, True),
    ({"type": ["string", "null"]}, STRING, "", "null is accepted no more", True, False),
    (STRING, {**STRING, "enum": ["a"]}, "", 'only these values now: "a"', True, False),
    ({**STRING, "enum": ["a"]}, STRING, "", 'not only these values any more: "a"', False, True),
    ({"enum": ["a"]}, {"enum": ["a", "b"]}, "", 'new values: "b"', False, True),
    ({"enum": ["a", "b"]}, {"enum": ["a"]}, "", 'values removed: "b"', True, False),
    ({"minLength": 1}, {"minLength": 2}, "", "minLength: 1 -> 2", True, False),
    ({"minLength": 2}, {"minLength": 1}, "", "minLength: 2 -> 1", False, True),
    ({"maximum": 5}, {"maximum": 6}, "", "maximum: 5 -> 6", False, True),
    ({"maximum": 5}, {}, "", "maximum: 5 -> none", False, True),
    ({}, {"maxItems": 5}, "", "maxItems: none -> 5", True, False),
    ({}, {"pattern": "a"}, "", 'pattern: none -> "a"', True, False),
    ({"pattern": "a"}, {"pattern": "b"}, "", 'pattern: "a" -> "b"', None, None),
    ({"default": 1}, {"default": 2}, "", "default: 1 -> 2", None, None),
    ({"format": "a"}, {"format": "b"}, "", 'format: "a" -> "b"', None, None),
    ({"not": STRING}, {"not": A}, "", "not changed", None, None),
    (STRING, {**STRING, "deprecated": True}, "", "deprecated now", False, False),
    (A, {**A, "additionalProperties": False}, "", "other properties: accepted -> refused", True, False),
    ({"items": STRING}, {"items": {"type": "integer"}}, "[]", "type: string -> integer", True, True),
    ({"oneOf": [STRING, TEXT]}, {"oneOf": [STRING, TEXT, IMAGE]}, "", "form added: kind=image", False, True),
    ({"oneOf": [STRING, TEXT, IMAGE]}, {"oneOf": [STRING, TEXT]}, "", "form removed: kind=image", True, False),
    (STRING, {"anyOf": [STRING, TEXT]}, "", "form added: kind=text", False, True),
    ({"anyOf": [STRING, TEXT]}, STRING, "", "form removed: kind=text", True, False),
    (
        {"oneOf": [STRING, TEXT]},
        {"oneOf": [{**STRING, "maxLength": 5}, TEXT]},
        "(string)",
        "maxLength: none -> 5",
        True,
        False,
    ),
    (
        A,
        {**A, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        "",
        "one of several forms must fit too",
        True,
        False,
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "path", "message", "sent", "read"), SCHEMAS, ids=[case[3] for case in SCHEMAS]
)
def test_a_change_of_a_schema_breaks_those_who_send_or_those_who_read(
    before: Any, after: Any, path: str, message: str, sent: bool | None, read: bool | None
) -> None:
    assert changes(make(operation(before)), make(operation(after))) == [("request body", path, sent, message)]
    found = changes(make(operation(answer=before)), make(operation(answer=after)))
    assert found == [("response 200", path, read, message)]


def test_a_removed_property_breaks_those_who_send_it_where_others_are_refused() -> None:
    after = {**A, "properties": {}, "additionalProperties": False}
    found = changes(make(operation({**A, "additionalProperties": False})), make(operation(after)))
    assert found == [("request body", "a", True, "property removed")]


def test_operations_are_added_and_removed() -> None:
    one, two = operation(), {"/b": {"get": {"operationId": "b", "responses": {}}}}
    found = compare_documents(make(one), make(two)).changes
    assert [(c.operation, c.breaking, c.message) for c in found] == [
        ("POST /a", True, "operation removed"),
        ("GET /b", False, "operation added"),
    ]


def parameter(name: str, location: str = "query", **fields: Any) -> Json:
    return {"name": name, "in": location, "schema": STRING, **fields}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [parameter("q")], [("optional parameter added", False)]),
        ([], [parameter("q", required=True)], [("required parameter added", True)]),
        ([parameter("q")], [], [("parameter removed", None)]),
        ([parameter("q")], [parameter("q", required=True)], [("required now", True)]),
        ([parameter("q", required=True)], [parameter("q")], [("required no more", False)]),
        ([parameter("X-A", "header")], [parameter("x-a", "header")], []),
        ([parameter("q")], [parameter("q", schema={"type": "integer"})], [("type: string -> integer", True)]),
    ],
)
def test_parameters_are_compared(before: list[Json], after: list[Json], told: Told) -> None:
    found = changes(make(operation(parameters=before)), make(operation(parameters=after)))
    assert [(message, breaking) for _, _, breaking, message in found] == told


def test_the_name_of_a_path_parameter_is_nothing_to_clients() -> None:
    def document(name: str) -> Document:
        node = {"operationId": "a", "responses": {}, "parameters": [parameter(name, "path", required=True)]}
        return make({f"/a/{{{name}}}": {"get": node}})

    assert changes(document("x"), document("y")) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {"requestBody": {"required": True, "content": {"a/b": {}}}}, [("required request body added", True)]),
        ({}, {"requestBody": {"content": {"a/b": {}}}}, [("optional request body added", False)]),
        ({"requestBody": {"content": {"a/b": {}}}}, {}, [("request body removed", None)]),
        (
            {"requestBody": {"content": {"a/b": {}}}},
            {"requestBody": {"content": {"a/c": {}}, "required": True}},
            [("required now", True), ("media type removed", True), ("media type added", False)],
        ),
        ({"responses": {"200": {}}}, {"responses": {}}, [("response removed", True)]),
        ({"responses": {"404": {}}}, {"responses": {}}, [("response removed", False)]),
        ({"responses": {}}, {"responses": {"200": {}}}, [("response added", False)]),
        ({"operationId": "b"}, {"operationId": "c"}, [("operationId: b -> c", None)]),
        ({}, {"security": [{"Key": []}]}, [("a key is needed now", True)]),
        ({"security": [{"Key": []}]}, {}, [("no key is needed any more", False)]),
        ({"security": [{"Key": []}]}, {"security": [{"Same": []}]}, []),
        (
            {"security": [{"Key": []}, {"Other": []}]},
            {"security": [{"Key": []}]},
            [("way in removed: apiKey header x-key", True)],
        ),
    ],
)
def test_bodies_answers_and_security_are_compared(before: Json, after: Json, told: Told) -> None:
    bearer = {"type": "http", "scheme": "bearer"}
    other = {"type": "apiKey", "in": "header", "name": "x-key"}
    components = {"securitySchemes": {"Key": bearer, "Same": bearer, "Other": other}}
    one, two = (make(operation(**fields), components=components) for fields in (before, after))
    found = changes(one, two)
    assert [(message, breaking) for _, _, breaking, message in found] == told


def test_another_base_path_breaks_every_client() -> None:
    found = changes(make({}, servers=[{"url": "/v1"}]), make({}, servers=[{"url": "https://h/v2"}]))
    assert found == [("servers", "", True, "base path: /v1 -> /v2")]


def test_a_3_0_document_and_its_3_1_twin_do_not_differ() -> None:
    old = {
        "Name": {"type": "string", "nullable": True, "enum": ["a", None]},
        "Pet": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"allOf": [{"$ref": "#/components/schemas/Name"}], "description": "d"},
                "age": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True},
                "owner": {"allOf": [{"$ref": "#/components/schemas/Pet"}], "nullable": True},
            },
        },
    }
    new = {
        "Name": {"type": ["string", "null"], "enum": ["a", None]},
        "Pet": {
            "allOf": [{"type": "object"}, {"required": ["name"]}],
            "properties": {
                "name": {"$ref": "#/components/schemas/Name", "description": "other words"},
                "age": {"type": ["number", "null"], "exclusiveMinimum": 0},
                "owner": {"anyOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "null"}]},
            },
        },
    }
    body = operation({"$ref": "#/components/schemas/Pet"}, {"$ref": "#/components/schemas/Pet"})
    one = make(body, "3.0.3", components={"schemas": old})
    two = make(body, components={"schemas": new})
    assert changes(one, two) == []
    assert changes(two, one) == []


def test_json_and_yaml_are_the_same(tmp_path: Path) -> None:
    document = make(operation(A)).content
    (tmp_path / "a.json").write_text(json.dumps(document))
    (tmp_path / "b.yaml").write_text(json.dumps(document, indent=2))
    assert changes(Document.load(tmp_path / "a.json"), Document.load(tmp_path / "b.yaml")) == []


def test_a_schema_that_holds_itself_is_compared_once() -> None:
    def document(**fields: Any) -> Document:
        tree = {"type": "object", "properties": {"left": {"$ref": "#/components/schemas/Tree"}, **fields}}
        return make(operation({"$ref": "#/components/schemas/Tree"}), components={"schemas": {"Tree": tree}})

    assert changes(document(), document(leaf=STRING)) == [("request body", "leaf", False, "optional property added")]


def test_circular_schemas_that_never_meet_come_to_an_end() -> None:
    def document(names: list[str]) -> Document:
        schemas = {
            name: {"type": "object", "properties": {"next": {"$ref": f"#/components/schemas/{following}"}}}
            for name, following in zip(names, names[1:] + names[:1], strict=True)
        }
        return make(operation({"$ref": f"#/components/schemas/{names[0]}"}), components={"schemas": schemas})

    assert changes(document(["A", "B", "C"]), document(["D", "E"])) == []


def test_a_shared_schema_is_told_at_its_first_operation_and_named_at_the_others() -> None:
    def document(**fields: Any) -> Document:
        answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}
        paths = {
            path: {"get": {"operationId": path[1:], "responses": {"200": answer}}}
            for path in ("/one", "/two", "/three")
        }
        return make(paths, components={"schemas": {"A": {**A, **fields}}})

    difference = compare_documents(document(), document(required=["a"]))
    assert [(c.operation, c.message) for c in difference.changes] == [("GET /one", "required now")]
    assert difference.repeats == [
        Repeat(f"GET /{name}", "response 200", "", "A", "GET /one") for name in ("two", "three")
    ]
    assert (difference.count(True), difference.count(False), difference.count(None)) == (0, 1, 0)


def test_a_document_in_several_files_and_its_twin_in_3_0_say_the_same() -> None:
    twins = [Document.load(foreign(name)) for name in OURS]
    assert compare_documents(*twins).records == []


@pytest.mark.long
def test_openai_s_documents_can_be_compared() -> None:
    old, new = (Document.load(foreign(name)) for name in (OLDER, NEWEST))
    found = compare_documents(old, new)
    assert {c.operation for c in found.changes if c.message == "operation added"} > {"POST /responses"}
    chat = {(c.place, c.path): c for c in found.changes if c.operation == "POST /chat/completions"}
    assert chat["request body", "verbosity"].breaking is False
    assert chat["request body", "top_logprobs"].breaking is True
    assert len(found.changes) > 500
    assert compare_documents(old, old).records == []
    assert compare_documents(new, new).records == []
