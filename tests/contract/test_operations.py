"""What is read of the operations of a document at the start."""

from __future__ import annotations

from typing import Any

import pytest

from app.contract.document import Document
from app.contract.media import MediaTypes, is_json, split_type
from app.contract.operations import Operation, operations
from app.errors import DocumentError


def only(operation: dict[str, Any], version: str = "3.1.1", **components: Any) -> Operation:
    """The operation of a document that has just one."""
    content = {"openapi": version, "components": components, "paths": {"/a/{id}": {"post": operation}}}
    (found,) = operations(Document(content))
    return found


def test_headers_that_http_gives_a_meaning_are_no_parameters() -> None:
    names = ["Accept", "content-type", "AUTHORIZATION", "X-Other"]
    schema = {"type": "string"}
    found = only({"parameters": [{"name": name, "in": "header", "schema": schema} for name in names]})
    assert [parameter.name for parameter in found.parameters] == ["X-Other"]


def test_parameters_of_one_name_in_two_places_are_told_apart() -> None:
    places = {"id": ("path", "query"), "x": ("query",)}
    found = only({"parameters": [{"name": name, "in": place} for name in places for place in places[name]]})
    assert [parameter.key for parameter in found.parameters] == ["path-id", "query-id", "x"]


def test_a_style_that_its_place_does_not_have_and_a_schema_that_is_not_applied_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    only({"parameters": [{"name": "id", "in": "path", "style": "form", "schema": {"type": "string"}}]})
    assert "no style form in the path" in caplog.text
    content = {"application/xml": {"schema": {"type": "object"}}, "application/pdf": {"schema": {"type": "string"}}}
    only({"requestBody": {"content": content}})
    assert "application/xml is passed on unchecked" in caplog.text
    assert "pdf" not in caplog.text


def test_beside_a_reference_3_1_knows_further_rules_and_3_0_none() -> None:
    schema = {"$ref": "#/components/schemas/Any", "type": "integer"}
    for version, types in (("3.1.1", ("integer",)), ("3.0.3", ())):
        parameter = {"name": "id", "in": "path", "schema": schema}
        found = only({"parameters": [parameter]}, version, schemas={"Any": {}})
        assert found.parameters[0].shape.types == types


def test_a_reference_that_only_validators_can_follow_is_read_as_text() -> None:
    schema = {"anyOf": [{"$ref": "#anchor"}, {"type": "integer"}]}
    found = only({"parameters": [{"name": "id", "in": "path", "schema": schema}]})
    assert found.parameters[0].shape.readings("12") == ["12"]


def test_the_closest_media_type_is_found() -> None:
    keys = ["*/*", "text/*", "text/plain", "application/json;version=2", "application/json", "image/*; charset=utf-8"]
    types = MediaTypes({key: key for key in keys})
    for given, expected in (
        ("text/plain; charset=utf-8", "text/plain"),
        ("Text/Plain", "text/plain"),
        ("text/html", "text/*"),
        ("application/json", "application/json"),
        ('application/json; Version="2"; charset=utf-8', "application/json;version=2"),
        ("application/json; version=3", "application/json"),
        ("image/png", "image/*; charset=utf-8"),
        ("audio/wav", "*/*"),
    ):
        assert types.find(*split_type(given)) == expected
    assert MediaTypes({"text/plain": 1}).find("text/html") is None


def test_json_is_told_by_its_name_or_its_suffix() -> None:
    assert all(map(is_json, ("application/json", "application/problem+json", "text/json")))
    assert not any(map(is_json, ("application/x-ndjson", "application/json-seq", "application/jsonl", "json/xml")))


@pytest.mark.parametrize(
    ("paths", "part"),
    [
        ({"pets": {}}, "does not begin with a slash"),
        ({"": {}}, "does not begin with a slash"),
        ({"/{id}/{id}": {}}, "two parameters of the same name"),
        ({"/pets": None}, "must be an object"),
        ({"/pets": {"get": None}}, "GET /pets is not as OpenAPI has it"),
        ({"/pets": {"get": {"responses": {"200": None}}}}, "GET /pets is not as OpenAPI has it"),
        ({"/pets": {"post": {"requestBody": {"content": {"text/plain": None}}}}}, "POST /pets is not as OpenAPI"),
    ],
)
def test_a_structure_that_cannot_be_read_is_told_in_words(paths: Any, part: str) -> None:
    with pytest.raises(DocumentError, match=part):
        operations(Document({"openapi": "3.1.0", "paths": paths}))


@pytest.mark.parametrize(("name", "value"), [("components", 7), ("servers", {}), ("security", {})])
def test_parts_of_a_wrong_type_are_told_in_words(name: str, value: Any) -> None:
    with pytest.raises(DocumentError, match=f"{name} is not a"):
        Document({"openapi": "3.1.0", "paths": {}, name: value})
