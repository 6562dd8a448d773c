"""Samples fit their schemas by both validators, whatever the keywords; plain ones show the document's own examples."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import jsonschema
import pytest

from app.contract.document import Document
from app.contract.operations import operations
from app.contract.schemas import Schemas
from app.contract.upgrade import Direction
from app.documents.samples.samples import NoInstance, Samples

from ..foreign import NEWEST, OLDER, OURS, foreign
from ..patience import little_work

SEEDS = (None, *range(8))


def make(schema: Any, version: str = "3.1.0", direction: Direction = "response", **others: Any) -> Samples:
    schemas = {"S": schema, **others}
    document = Document({"openapi": version, "paths": {}, "components": {"schemas": schemas}})
    return Samples(Schemas(document), direction)


def sample(schema: Any, seed: int | None = None, **options: Any) -> Any:
    return make(schema, **options).sample("/components/schemas/S", seed)


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


STRING, INTEGER = {"type": "string"}, {"type": "integer"}
CAT = {
    "type": "object",
    "required": ["kind", "lives"],
    "properties": {"kind": STRING, "lives": INTEGER},
    "additionalProperties": False,
}
DOG = {
    "type": "object",
    "required": ["kind"],
    "properties": {"kind": STRING, "barks": {"type": "boolean"}},
    "additionalProperties": False,
}
NODE = {
    "type": "object",
    "required": ["value", "children"],
    "properties": {
        "value": INTEGER,
        "children": {"type": "array", "items": ref("Node")},
        "parent": {"anyOf": [ref("Node"), {"type": "null"}]},
    },
}

HARD: dict[str, Any] = {
    "anything": {},
    "no type but its keywords": {"properties": {"a": INTEGER}, "required": ["a"]},
    "types of 3.1": {"type": ["null", "integer"], "minimum": 5},
    "an open range": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    "integers of a number": {"type": "number", "allOf": [{"type": "integer"}, {"minimum": 0.5, "maximum": 1.5}]},
    "a step": {"type": "integer", "multipleOf": 7, "minimum": 8, "maximum": 20},
    "a tenth": {"type": "number", "multipleOf": 0.1, "minimum": 0.25, "maximum": 0.35},
    "two steps": {"allOf": [{"type": "integer", "multipleOf": 6}, {"multipleOf": 4, "minimum": 1}]},
    "a negative range": {"type": "integer", "maximum": -5},
    "a length": {"type": "string", "minLength": 30, "maxLength": 31},
    "an exact pattern": {"type": "string", "pattern": "^tunnel_[a-z0-9]{32}$"},
    "a pattern of branches": {"type": "string", "pattern": r"^(cat|dog)-(?:\d{2,4}|[A-F]+)\.\w$"},
    "a pattern and a length": {"type": "string", "pattern": "^[a-z]+$", "minLength": 40, "maxLength": 44},
    "a pattern that looks ahead": {"type": "string", "pattern": "^(?!a)[ab]{1}$"},
    "a pattern of unicode": {"type": "string", "pattern": r"^\p{Lu}[\p{L}\d]*$"},
    "a group with a name": {"type": "string", "pattern": r"^(?<c>[xy])z$"},
    "a negated class": {"type": "string", "pattern": "^[^a-z0-9]{3}$"},
    "a pattern without anchors": {"type": "string", "pattern": "[0-9]", "minLength": 6},
    "two patterns": {"type": "string", "allOf": [{"pattern": "^[ab]+"}, {"pattern": "[cd]+$"}]},
    "a base64 pattern": {"type": "string", "pattern": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==)$"},
    "unique items": {"type": "array", "items": {"enum": [1, 2, 3, 4]}, "uniqueItems": True, "minItems": 4},
    "unique booleans": {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 2},
    "a tuple": {"type": "array", "prefixItems": [STRING, INTEGER], "items": False, "minItems": 2},
    "contains": {"type": "array", "items": INTEGER, "contains": {"minimum": 100}, "minContains": 2, "maxItems": 3},
    "a map": {"type": "object", "additionalProperties": INTEGER, "minProperties": 3},
    "a map of names": {"type": "object", "propertyNames": {"pattern": "^[a-z]{3}$"}, "minProperties": 2},
    "a map of enumerated names": {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "minProperties": 2},
    "a map of patterns": {
        "type": "object",
        "patternProperties": {"^x-": STRING, "^n[0-9]$": INTEGER},
        "additionalProperties": False,
        "minProperties": 3,
    },
    "few properties": {"type": "object", "properties": dict.fromkeys("abcdef", STRING), "maxProperties": 2},
    "required but undeclared": {"type": "object", "required": ["a"]},
    "dependent names": {
        "type": "object",
        "properties": {"a": STRING, "b": STRING, "c": STRING},
        "required": ["a"],
        "dependentRequired": {"a": ["b"], "b": ["c"]},
    },
    "a dependent schema": {
        "type": "object",
        "properties": {"a": STRING},
        "required": ["a"],
        "dependentSchemas": {"a": {"required": ["z"], "properties": {"z": {"const": 5}}}},
    },
    "allOf of objects": {"allOf": [ref("Cat"), {"properties": {"lives": {"minimum": 9}}}]},
    "allOf with unevaluated": {"allOf": [{"properties": {"a": STRING}}, DOG | {"additionalProperties": True}],
                               "unevaluatedProperties": False},
    "oneOf of lookalikes": {"oneOf": [ref("Cat"), ref("Dog")]},
    "oneOf of numbers": {"oneOf": [{"type": "integer"}, {"type": "number"}]},
    "oneOf whose first branch never fits alone": {"oneOf": [{"type": "integer"}, {"type": "number"}, STRING]},
    "oneOf of multiples": {"type": "integer", "oneOf": [{"multipleOf": 3}, {"multipleOf": 5}], "minimum": 1},
    "one of two names": {
        "type": "object",
        "properties": {"url": STRING, "id": STRING},
        "anyOf": [{"required": ["url"]}, {"required": ["id"]}],
        "not": {"required": ["url", "id"]},
        "additionalProperties": False,
    },
    "unions that must agree": {
        "allOf": [{"oneOf": [{"const": n} for n in range(30)]}, {"anyOf": [{"const": 29}, {"const": 77}]}]
    },
    "not": {"type": "string", "enum": ["a", "b", "c"], "not": {"enum": ["a", "b"]}},
    "not a string": {"type": ["string", "integer"], "not": {"type": "string"}},
    "not a property": {"type": "object", "properties": {"a": STRING, "b": STRING}, "not": {"required": ["a"]}},
    "if then": {
        "type": "object",
        "properties": {"kind": {"enum": ["x", "y"]}, "n": INTEGER},
        "required": ["kind"],
        "if": {"properties": {"kind": {"const": "x"}}},
        "then": {"required": ["n"], "properties": {"n": {"minimum": 3}}},
        "else": {"properties": {"n": False}},
    },
    "if else": {"type": "integer", "if": {"minimum": 10}, "then": {"maximum": 5}, "else": {"maximum": 3}},
    "a tree": ref("Node"),
    "recursion by required": {
        "type": "object", "required": ["next"], "properties": {"next": {"oneOf": [ref("S"), {"type": "null"}]}}
    },
    "an empty enum branch": {"anyOf": [{"type": "string", "enum": [5]}, {"const": {"a": [1]}}]},
    "an example that lies": {"type": "integer", "minimum": 3, "example": "x", "examples": [1, 2], "default": 0},
    "nullable of 3.0": {"type": "string", "nullable": True, "enum": ["a"]},
    "a name with a slash": {
        "type": "object", "properties": {"a/b~c%": {"oneOf": [INTEGER, STRING]}}, "required": ["a/b~c%"]
    },
}  # fmt: skip


# Python's patterns have other names for these, and jsonschema divides by a binary tenth.
BEYOND_THE_REFEREE = {"a tenth", "a pattern of unicode", "a group with a name"}


@pytest.mark.parametrize("name", HARD)
def test_every_keyword_is_kept_to_by_plain_and_by_random_samples(name: str) -> None:
    others: dict[str, Any] = {"Cat": CAT, "Dog": DOG, "Node": NODE}
    samples = make(HARD[name], **others)
    document = Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"S": HARD[name], **others}}})
    referee = Schemas(document, backend="jsonschema").validator("/components/schemas/S")
    for seed in SEEDS:
        found = samples.sample("/components/schemas/S", seed)
        assert samples.fits("/components/schemas/S", found), (seed, found)
        if name not in BEYOND_THE_REFEREE:
            assert referee.is_valid(found), (seed, found)


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"type": "object", "required": ["next"], "properties": {"next": ref("S")}},
        {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 3},
        {"type": "string", "pattern": "^a$", "minLength": 2},
        {"not": {}},
        {"type": "string", "minLength": 10**9},
        {"type": "array", "minItems": 10**9},
    ],
)
def test_a_schema_that_nothing_fits_is_told_and_not_answered_with_something_else(schema: Any) -> None:
    samples = make(schema)
    with little_work(30):
        for seed in (None, 1):
            with pytest.raises(NoInstance, match="/components/schemas/S"):
                samples.sample("/components/schemas/S", seed)


def test_the_same_seed_gives_the_same_sample_and_another_seed_another_one() -> None:
    fields = {"a": STRING, "b": {"type": "number"}, "c": {"type": "string", "format": "uuid"}}
    schema = {"type": "object", "required": list(fields), "properties": fields}
    assert sample(schema, 3) == sample(schema, 3)
    assert len({json.dumps(sample(schema, seed)) for seed in range(20)}) == 20


def test_a_plain_sample_takes_examples_defaults_constants_and_first_values() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string", "example": "from example", "default": "no"},
            "b": {"type": "string", "examples": ["from examples"]},
            "c": {"type": "integer", "default": 7},
            "d": {"const": "fixed"},
            "e": {"enum": ["first", "second"]},
            "f": {"type": "string"},
            "g": {"anyOf": [{"type": "null"}, {"type": "integer"}]},
            "h": {"type": "string", "format": "date-time"},
            "i": {"type": "array", "items": {"type": "boolean"}},
        },
    }
    assert sample(schema) == {
        "a": "from example",
        "b": "from examples",
        "c": 7,
        "d": "fixed",
        "e": "first",
        "f": "string",
        "g": 0,
        "h": "2024-01-01T00:00:00Z",
        "i": [True],
    }


def test_an_example_that_does_not_fit_is_not_used() -> None:
    assert sample({"type": "integer", "example": "seven", "default": 7}) == 7


def test_an_answer_has_no_write_only_and_a_request_no_read_only_properties() -> None:
    properties = {
        "id": {"type": "string", "readOnly": True},
        "password": {"$ref": "#/components/schemas/Password"},
        "name": STRING,
    }
    schema = {"type": "object", "properties": properties}
    password = {"type": "string", "writeOnly": True}
    assert set(sample(schema, Password=password)) == {"id", "name"}
    assert set(sample(schema, direction="request", Password=password)) == {"password", "name"}
    for seed in range(10):
        assert "password" not in sample(schema, seed, Password=password)


@pytest.mark.parametrize("union", ["oneOf", "anyOf"])
def test_a_discriminator_has_the_value_of_the_branch_by_mapping_or_by_name(union: str) -> None:
    branches = [ref("Cat"), ref("Dog")]
    discriminator = {"propertyName": "kind", "mapping": {"meow": "#/components/schemas/Cat"}}
    kinds = set()
    for seed in range(20):
        found = sample({union: branches, "discriminator": discriminator}, seed, Cat=CAT, Dog=DOG)
        assert found["kind"] in (("meow", "Cat") if "lives" in found else ("Dog",))
        kinds.add(found["kind"])
    assert kinds == {"meow", "Cat", "Dog"}


def test_a_discriminator_of_a_parent_has_the_name_of_the_child() -> None:
    pet = {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": STRING},
        "discriminator": {"propertyName": "kind"},
    }
    child = {"allOf": [ref("Pet"), {"type": "object", "properties": {"barks": {"type": "boolean"}}}]}
    assert sample({"type": "array", "items": ref("Dog")}, Pet=pet, Dog=child) == [{"kind": "Dog", "barks": True}]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("date-time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        ("date", r"\d{4}-\d\d-\d\d"),
        ("time", r"\d\d:\d\d:\d\dZ"),
        ("duration", r"P\d+D(T\d+H)?"),
        ("uuid", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("email", r"[a-z]+@example\.com"),
        ("uri", r"https://[a-z.]+/[a-z]*"),
        ("hostname", r"([a-z]+\.)*example\.com"),
        ("ipv4", r"192\.0\.2\.\d{1,3}"),
        ("ipv6", r"2001:db8:[0-9a-f:]+"),
        ("byte", r"[A-Za-z0-9+/]+=*"),
    ],
)
def test_formats_are_kept_to(name: str, rule: str) -> None:
    schema = {"type": "string", "format": name}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    for seed in SEEDS:
        found = sample(schema, seed)
        assert re.fullmatch(rule, found), found
        checker.check(found, name)
    assert len({sample(schema, seed) for seed in range(12)}) > 5


def test_a_recursive_schema_stays_small() -> None:
    for seed in SEEDS:
        assert len(json.dumps(sample(ref("Node"), seed, Node=NODE))) < 3000


def test_the_rules_of_3_0_hold_in_a_3_0_document() -> None:
    schema = {"type": "number", "minimum": 0, "exclusiveMinimum": True}
    assert sample(schema, version="3.0.3") > 0
    hidden = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"$ref": "#/components/schemas/T", "maximum": -1}},
    }
    assert sample(hidden, version="3.0.3", T=INTEGER) == {"a": 0}


@cache
def _load(name: str) -> Document:
    return Document.load(foreign(name))


def _pointers(document: Document) -> list[tuple[str, Direction | None]]:
    found = operations(document)
    return [
        *((f"/components/schemas/{name}", None) for name in document.content["components"]["schemas"]),
        *((p, "response") for o in found for media in o.responses.values() for p in media.values() if p),
        *((p, "request") for o in found for p in o.request_schemas.values() if p),
        *((p.schema, "request") for o in found for p in o.parameters if p.schema),
    ]


def _text(document: Document, pointer: str) -> str:
    return json.dumps(document.resolve({"$ref": f"#{pointer}"})[0], sort_keys=True)


def _check_all(document: Document, seeds: tuple[int | None, ...]) -> int:
    referee = Schemas(document, backend="jsonschema")
    pointers = _pointers(document)
    for direction in ("request", "response"):
        samples = Samples(Schemas(document), direction)
        # Many schemas are another one's twin: each is checked once.
        chosen = {_text(document, pointer): pointer for pointer, side in pointers if side in (direction, None)}
        for pointer in chosen.values():
            for seed in seeds:
                found = samples.sample(pointer, seed)
                assert samples.fits(pointer, found), (pointer, seed)
                assert referee.validator(pointer, direction).is_valid(found), (pointer, seed)
    return len(pointers)


@pytest.mark.long
def test_every_schema_of_our_document_has_samples(document: Document) -> None:
    assert _check_all(document, SEEDS) > 100


@pytest.mark.long
@pytest.mark.parametrize(("name", "fewest"), [*((name, 25) for name in OURS), (NEWEST, 2000), (OLDER, 500)])
def test_every_schema_of_another_document_has_samples(name: str, fewest: int) -> None:
    seeds = (None,) if name == NEWEST else (None, 0)
    assert _check_all(_load(name), seeds) > fewest
