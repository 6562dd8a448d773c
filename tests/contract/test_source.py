"""A document's schemas are read part by part, and validators get what they refer to and no more."""

from __future__ import annotations

import pytest

from app.contract.document import Document
from app.contract.schemas import Schemas
from app.contract.source import SchemaSource
from app.errors import DocumentError
from app.jsontypes import Json

PATHS: Json = {
    "/a/{id}": {
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"$ref": "#/components/schemas/Id"}}],
        "get": {"responses": {"200": {"$ref": "#/components/responses/A"}}},
        "put": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lone"}}}}},
    }
}
SCHEMAS: Json = {
    "Id": {"type": "string", "minLength": 1},
    "A": {"properties": {"id": {"$ref": "#/components/schemas/Id"}, "next": {"$ref": "#/components/schemas/A"}}},
    "Maybe": {"type": "string", "nullable": True},
    "Lone": {"type": "integer", "description": "It refers to nothing."},
    "Astray": {"$ref": "#/components/schemas/None"},
}
RESPONSES: Json = {
    "A": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}
}


def document() -> Document:
    return Document(
        {
            "openapi": "3.0.3",
            "paths": PATHS,
            "components": {"schemas": SCHEMAS, "responses": RESPONSES},
            "x-a": {"b": 1},
        }
    )


def test_a_node_is_in_the_form_of_2020_12() -> None:
    source = SchemaSource(document())
    assert source.node("/components/schemas/Maybe") == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert source.node("/components/schemas/Maybe/anyOf/1/type") == "null"
    assert source.node("/paths/~1a~1{id}/parameters/0/schema") == {"$ref": "#/components/schemas/Id"}


@pytest.mark.parametrize("pointer", ["", "/x-a/b", "/components/schemas/Nobody", "/components/schemas/Id/items"])
def test_where_no_schema_is_there_is_no_node(pointer: str) -> None:
    with pytest.raises(LookupError):
        SchemaSource(document()).node(pointer)


def test_what_a_schema_refers_to_comes_with_it_and_nothing_else() -> None:
    source = SchemaSource(document())
    assert source.closure([]) == {}
    assert source.closure(["/components/schemas/Lone"]).keys() == {"components"}
    assert source.closure(["/components/schemas/A"])["components"]["schemas"].keys() == {"A", "Id"}
    closure = source.closure(["/paths/~1a~1{id}/get/responses/200"])
    assert closure["paths"] == {"/a/{id}": {"get": PATHS["/a/{id}"]["get"]}}
    assert closure["components"]["schemas"].keys() == {"A", "Id"}
    assert closure["components"]["responses"].keys() == {"A"}
    assert source.closure(["/components/schemas/Astray", "/x-a/b"]) == {
        "components": {"schemas": {"Astray": SCHEMAS["Astray"]}}
    }


def test_a_schema_can_be_taken_out_of_the_document_if_it_refers_to_nothing() -> None:
    source = SchemaSource(document())
    assert source.alone("/components/schemas/Lone") == SCHEMAS["Lone"]
    assert source.alone("/components/schemas/A") is None
    assert source.alone("/components/schemas/Nobody") is None


@pytest.mark.parametrize("backend", ["jsonschema-rs", "jsonschema"])
@pytest.mark.parametrize(
    ("pointer", "good", "bad"),
    [
        ("/components/schemas/A", {"next": {"id": "1"}}, {"next": {"next": {"id": ""}}}),
        ("/components/schemas/Lone", 1, "1"),
        ("/components/schemas/Maybe", None, 1),
        ("/components/schemas/A/properties/id", "1", ""),
        ("/paths/~1a~1{id}/parameters/0/schema", "1", ""),
    ],
)
def test_validators_hold_values_to_it(pointer: str, good: object, bad: object, backend: str) -> None:
    validator = Schemas(document(), backend=backend).validator(pointer)
    assert validator.is_valid(good)
    assert not validator.is_valid(bad)
    assert list(validator.faults(bad))
    assert not list(validator.faults(good))


def test_a_schema_whose_references_lead_nowhere_cannot_be_used() -> None:
    with pytest.raises(DocumentError, match="the schema at /components/schemas/Astray cannot be used"):
        Schemas(document()).validator("/components/schemas/Astray")
