"""Components and paths of other files stand among the document's own, as far as their names are free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.contract.document import Document
from app.contract.lifting import lift
from app.contract.operations import operations
from app.contract.schemas import Schemas
from app.contract.structure import FILES

HEAD: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}}


def answering(reference: str) -> dict[str, Any]:
    """An operation that answers with the schema at a reference."""
    content = {"application/json": {"schema": {"$ref": reference}}}
    return {"operationId": "getPet", "responses": {"200": {"description": "x", "content": content}}}


def test_a_component_goes_to_its_own_name_and_its_path_item_to_its_path() -> None:
    other = {
        "paths": {"/pet": {"get": answering(f"#/{FILES}/o.yaml/components/schemas/Pet")}},
        "components": {
            "schemas": {
                "Pet": {
                    "type": "object",
                    "properties": {"mother": {"$ref": f"#/{FILES}/o.yaml/components/schemas/Pet"}},
                }
            }
        },
    }
    whole = {**HEAD, "paths": {"/pet": {"$ref": f"#/{FILES}/o.yaml/paths/~1pet"}}, FILES: {"o.yaml": other}}
    assert lift(whole) == {
        **HEAD,
        "paths": {"/pet": {"get": answering("#/components/schemas/Pet")}},
        "components": {
            "schemas": {"Pet": {"type": "object", "properties": {"mother": {"$ref": "#/components/schemas/Pet"}}}}
        },
    }


def test_what_has_a_name_that_is_taken_stays_where_it_is() -> None:
    reference = f"#/{FILES}/o.yaml/components/schemas/Pet"
    other = {"components": {"schemas": {"Pet": {"type": "string"}}}}
    own = {"components": {"schemas": {"Pet": {"type": "integer"}}}}
    whole = {**HEAD, **own, "paths": {"/pet": {"get": answering(reference)}}, FILES: {"o.yaml": other}}
    assert lift(whole) == whole


def test_a_place_inside_a_component_and_the_mapping_of_a_discriminator_are_found_again() -> None:
    at = f"#/{FILES}/o.yaml/components/schemas"
    pets = {
        "oneOf": [{"$ref": f"{at}/Cat"}],
        "discriminator": {"propertyName": "type", "mapping": {"cat": f"{at}/Cat", "dog": "Dog"}},
    }
    other = {"components": {"schemas": {"Cat": {"properties": {"type": {"enum": ["cat"]}}}, "Pets": pets}}}
    paths = {"/pet": {"get": answering(f"{at}/Cat/properties/type")}, "/pets": {"get": answering(f"{at}/Pets")}}
    lifted = lift({**HEAD, "paths": paths, FILES: {"o.yaml": other}})
    assert lifted["paths"]["/pet"]["get"] == answering("#/components/schemas/Cat/properties/type")
    assert lifted["components"]["schemas"]["Pets"]["discriminator"]["mapping"] == {
        "cat": "#/components/schemas/Cat",
        "dog": "Dog",
    }
    assert FILES not in lifted


def test_a_file_that_is_no_document_stays_as_long_as_something_refers_to_it(tmp_path: Path) -> None:
    root = tmp_path / "root.yaml"
    root.write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /pet: {$ref: 'more/o.yaml#/paths/~1pet'}\n"
    )
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "o.yaml").write_text(
        "paths:\n  /pet:\n    get:\n      operationId: getPet\n      responses:\n        '200':\n"
        "          description: x\n          content:\n            application/json:\n"
        "              schema: {$ref: '#/components/schemas/Pet'}\n"
        "components:\n  schemas:\n    Pet: {$ref: 'pets.json#/Pet'}\n"
    )
    (tmp_path / "more" / "pets.json").write_text('{"Pet": {"type": "string"}}')
    document = Document.load(root)
    assert list(document.content[FILES]) == ["more/pets.json"]
    (operation,) = operations(document)
    pointer = operation.response_schema(200, "application/json")
    assert pointer is not None
    assert Schemas(document).validator(pointer).is_valid("a")
    assert not Schemas(document).validator(pointer).is_valid(1)
