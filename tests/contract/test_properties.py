"""Every property that a document names is found once, and properties can be added to what an operation takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.contract.document import Document
from app.contract.extend import extend_request
from app.contract.operations import operations
from app.contract.properties import property_paths
from app.contract.schemas import Schemas

TOP_K = {"top_k": {"type": "integer", "minimum": 0}}


def document_of(schema: Any, version: str = "3.1.0", **components: Any) -> Document:
    post = {
        "operationId": "make",
        "requestBody": {"content": {"application/json": {"schema": schema}}},
        "responses": {},
    }
    return Document({"openapi": version, "paths": {"/a/{b}": {"post": post}}, "components": {"schemas": components}})


def test_paths_go_through_references_unions_and_lists() -> None:
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Base"},
            {"properties": {"parts": {"type": "array", "items": {"oneOf": [{"$ref": "#/components/schemas/Text"}]}}}},
        ]
    }
    base = {"properties": {"map": {"type": "object", "additionalProperties": {"properties": {"x": {}}}}}}
    text = {"anyOf": [{"properties": {"text": {}, "type": {}}}, {"properties": {"type": {}, "rows": {
        "items": {"items": {"properties": {"cell": {}}}}}}}]}  # fmt: skip
    assert property_paths(document_of(schema, Base=base, Text=text), schema) == [
        *("map", "parts", "parts[].text", "parts[].type", "parts[].rows", "parts[].rows[][].cell"),
    ]


def test_a_schema_inside_itself_ends() -> None:
    node = {"properties": {"value": {}, "next": {"$ref": "#/components/schemas/Node"}}}
    reference = {"$ref": "#/components/schemas/Node"}
    assert property_paths(document_of(reference, Node=node), reference) == ["value", "next"]


def body_check(document: Document) -> Any:
    (operation,) = operations(document)
    pointer = operation.request_schemas["application/json"]
    assert pointer is not None
    return Schemas(document).validator(pointer).is_valid


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
        {"$ref": "#/components/schemas/Closed"},
        {"type": "object", "additionalProperties": False},
        {"allOf": [{"$ref": "#/components/schemas/Open"}, {"type": "object", "properties": {"a": {}}}]},
        {"allOf": [{"allOf": [{"$ref": "#/components/schemas/Closed"}]}]},
    ],
)
def test_an_added_property_is_accepted_and_held_to_its_schema(schema: Any, version: str) -> None:
    closed = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    document = document_of(schema, version, Closed=closed, Open={"properties": {"b": {}}})
    before = document.json_bytes
    (operation,) = operations(document)
    extended = extend_request(document, operation, TOP_K)
    is_valid = body_check(extended)
    assert is_valid({"top_k": 1})
    assert not is_valid({"top_k": -1})
    assert json.loads(extended.json_bytes) == extended.content == json.loads(extended.yaml_bytes)
    assert "top_k" in extended.json_bytes.decode()
    assert document.json_bytes == before
    assert "top_k" not in json.dumps(document.content)


def test_a_property_that_the_document_has_stays_as_it_is() -> None:
    schema = {"allOf": [{"properties": {"top_k": {"type": "string"}}}, {"properties": {"a": {}}}]}
    document = document_of(schema)
    (operation,) = operations(document)
    assert extend_request(document, operation, TOP_K).content == document.content


def test_an_operation_without_a_json_body_stays_as_it_is() -> None:
    document = Document({"openapi": "3.1.0", "paths": {"/a": {"get": {"responses": {}}}}})
    (operation,) = operations(document)
    assert extend_request(document, operation, TOP_K) is document
