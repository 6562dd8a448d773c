"""What OpenAPI says in its own words means the same in JSON Schema, in 3.0 and in 3.1."""

from typing import Any

import pytest

from app.contract.document import Document
from app.contract.explain import explain
from app.contract.faults import Validator
from app.contract.schemas import Schemas
from app.contract.upgrade import Direction

BACKENDS = ["jsonschema-rs", "jsonschema"]


def validator(schemas: Any, name: str, direction: Direction | None = None, *, backend: str, version: str) -> Validator:
    document = Document({"openapi": version, "paths": {}, "components": {"schemas": schemas}})
    return Schemas(document, backend=backend).validator(f"/components/schemas/{name}", direction)


TWINS: dict[str, tuple[Any, Any, list[Any], list[Any]]] = {
    "nullable": (
        {"type": "string", "nullable": True, "maxLength": 2},
        {"type": ["string", "null"], "maxLength": 2},
        ["a", None],
        [1, "abc"],
    ),
    "nullable with an enum": (
        {"type": "string", "enum": ["a"], "nullable": True},
        {"enum": ["a", None]},
        ["a", None],
        ["b"],
    ),
    "not nullable": ({"type": "string", "nullable": False}, {"type": "string"}, ["a"], [None]),
    "exclusive bounds": (
        {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 2, "exclusiveMaximum": True},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 2},
        [0.5, 1],
        [0, 2],
    ),
    "inclusive bounds": (
        {"type": "number", "minimum": 0, "exclusiveMinimum": False},
        {"type": "number", "minimum": 0},
        [0],
        [-1],
    ),
    "an example that looks like a schema": (
        {"type": "object", "example": {"nullable": True, "$ref": "#/nowhere"}},
        {"type": "object", "examples": [{"nullable": True, "$ref": "#/nowhere"}]},
        [{}],
        [1],
    ),
    "properties that are called like keywords": (
        {
            "type": "object",
            "properties": {"default": {"type": "string", "nullable": True}, "example": {"type": "string"}},
        },
        {"type": "object", "properties": {"default": {"type": ["string", "null"]}, "example": {"type": "string"}}},
        [{"default": None}, {"example": "x"}],
        [{"default": 1}, {"example": 1}],
    ),
    "a 32 bit integer": (
        {"type": "integer", "format": "int32"},
        {"type": "integer", "format": "int32"},
        [2**31 - 1, -(2**31)],
        [2**31, 1.5],
    ),
    "a 64 bit integer or null": (
        {"type": "integer", "format": "int64", "nullable": True},
        {"type": ["integer", "null"], "format": "int64"},
        [2**63 - 1, -(2**63), None],
        [2**63, -(2**63) - 1],
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", TWINS)
def test_twins_of_both_versions_give_the_same_verdicts(name: str, backend: str) -> None:
    old, new, good, bad = TWINS[name]
    for schema, version in ((old, "3.0.3"), (new, "3.1.0")):
        compiled = validator({"S": schema}, "S", backend=backend, version=version)
        assert [value for value in good if not compiled.is_valid(value)] == [], version
        assert [value for value in bad if compiled.is_valid(value)] == [], version


ACCOUNT: Any = {
    "Id": {"type": "string", "readOnly": True},
    "Base": {
        "type": "object",
        "properties": {"id": {"$ref": "#/components/schemas/Id"}, "secret": {"type": "string", "writeOnly": True}},
        "required": ["id", "secret"],
    },
    "Account": {
        "allOf": [
            {"$ref": "#/components/schemas/Base"},
            {
                "type": "object",
                "properties": {"made": {"type": "integer", "readOnly": True}, "name": {"type": "string"}},
            },
        ],
        "required": ["id", "made", "name"],
    },
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_what_is_read_only_has_no_place_in_a_request_and_what_is_write_only_none_in_an_answer(
    version: str, backend: str
) -> None:
    sent = {"secret": "s", "name": "n"}
    answered = {"id": "1", "made": 1, "name": "n"}
    request = validator(ACCOUNT, "Account", "request", backend=backend, version=version)
    assert request.is_valid(sent)
    assert not request.is_valid(answered)
    assert not request.is_valid({"secret": "s"})
    error = explain(request, {**sent, "made": 1})
    assert (error.param, error.code) == ("made", "unknown_parameter")
    response = validator(ACCOUNT, "Account", "response", backend=backend, version=version)
    assert response.is_valid(answered)
    assert not response.is_valid({**answered, "secret": "s"})
    assert not response.is_valid({"name": "n"})
    either = validator(ACCOUNT, "Account", backend=backend, version=version)
    assert either.is_valid({**sent, **answered})


PETS: Any = {
    "Cat": {"type": "object", "properties": {"kind": {"type": "string"}, "lives": {"type": "integer"}}},
    "Dog": {"type": "object", "properties": {"kind": {"type": "string"}, "barks": {"type": "boolean"}}},
    "Pet": {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {"cat": "#/components/schemas/Cat", "kitten": "Cat", "dog": "#/components/schemas/Dog"},
        },
    },
    "Named": {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"propertyName": "kind"},
    },
    "Bird": {"type": "object", "properties": {"kind": {"type": "string", "enum": ["bird"]}}, "required": ["kind"]},
    "Said": {"oneOf": [{"$ref": "#/components/schemas/Bird"}], "discriminator": {"propertyName": "kind"}},
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_discriminator_tells_which_branch_is_meant(version: str, backend: str) -> None:
    pet = validator(PETS, "Pet", backend=backend, version=version)
    for good in ({"kind": "cat", "lives": 9}, {"kind": "kitten"}, {"kind": "dog", "barks": True}):
        assert pet.is_valid(good), good
    for bad in ({"kind": "cat", "lives": "x"}, {"kind": "cow"}, {"lives": 9}, {"kind": "dog", "barks": 1}):
        assert not pet.is_valid(bad), bad
    named = validator(PETS, "Named", backend=backend, version=version)
    assert named.is_valid({"kind": "Cat"})
    assert not named.is_valid({"kind": "cat"})
    # A branch that says itself which values it has needs no mapping.
    assert validator(PETS, "Said", backend=backend, version=version).is_valid({"kind": "bird"})
    error = explain(pet, {"kind": "cow"})
    assert error.param == "kind"


def test_a_branch_that_demands_its_values_itself_is_not_restricted_again() -> None:
    """Each restriction costs every message of a body some time."""
    demanding = {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"]}
    branches = {
        "Same": demanding,
        "Optional": {**demanding, "required": []},
        "Wider": {**demanding, "properties": {"kind": {"enum": ["a", "b", "c"]}}},
        "Null": {**demanding, "type": ["object", "null"]},
        "Nullable": {**demanding, "properties": {"kind": {"enum": ["a", "b"], "nullable": True}}},
        "Elsewhere": {"type": "object", "required": ["kind"], "anyOf": [{"properties": demanding["properties"]}, {}]},
    }
    for name, schema in branches.items():
        reference = f"#/components/schemas/{name}"
        told = {"propertyName": "kind", "mapping": {"a": reference, "b": reference}}
        union = {"oneOf": [{"$ref": reference}], "discriminator": told}
        document = Document(
            {"openapi": "3.1.0", "components": {"schemas": {name: schema, "Union": union}}, "paths": {}}
        )
        schemas = Schemas(document)
        (branch,) = schemas.source().node("/components/schemas/Union")["oneOf"]
        assert ("allOf" in branch) == (name != "Same"), name
        checks = schemas.validator("/components/schemas/Union")
        assert checks.is_valid({"kind": "b"})
        assert not any(map(checks.is_valid, ({"kind": "c"}, {"kind": None}, {}, None, "a"))), name


def test_a_default_answer_of_3_0_is_upgraded_too() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}}
    responses = {"default": {"description": "x", "content": {"application/json": {"schema": schema}}}}
    document = Document({"openapi": "3.0.3", "paths": {"/a": {"get": {"responses": responses}}}})
    pointer = "/paths/~1a/get/responses/default/content/application~1json/schema"
    assert Schemas(document).validator(pointer).is_valid({"a": None})
