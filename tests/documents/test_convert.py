"""A document in OpenAPI 3.0 says what it said, allows nothing less, and tells what it cannot say."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator

from app.contract.document import Document
from app.contract.schemas import Schemas
from app.documents.convert.document import Converted, to_3_0
from app.documents.samples.samples import Samples
from app.errors import DocumentError

from ..conftest import Command
from ..foreign import OURS, foreign
from .test_samples_random import RandomSchemas

A = {"$ref": "#/components/schemas/A"}
NULL = {"type": "string", "nullable": True, "enum": [None]}


def converted(**parts: Any) -> Converted:
    content = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {}, **parts}
    before = json.dumps(content)
    result = to_3_0(Document(content))
    assert json.dumps(content) == before  # the document itself stays as it is
    return result


def schema(newer: Any) -> tuple[Any, list[tuple[str, bool]]]:
    result = converted(components={"schemas": {"S": newer, "A": {"type": "integer"}}})
    losses = [(loss.pointer.removeprefix("/components/schemas/S"), loss.looser) for loss in result.losses]
    return result.content["components"]["schemas"]["S"], losses


SAID: dict[str, tuple[Any, Any]] = {
    "anything": (True, {}),
    "nothing": (False, {"not": {}}),
    "a text or null": ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
    "null": ({"type": "null"}, NULL),
    "values, one of them null": (
        {"type": ["string", "null"], "enum": ["a", None]},
        {"type": "string", "nullable": True, "enum": ["a", None]},
    ),
    "values, null none of them": ({"type": ["string", "null"], "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
    "two types": ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    "rules of one of two types": (
        {"type": ["string", "array", "null"], "items": A, "maxLength": 3},
        {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "array", "items": A}], "nullable": True},
    ),
    "one value": ({"const": "a"}, {"enum": ["a"]}),
    "an exclusive bound": ({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
    "two bounds": ({"minimum": 1, "exclusiveMinimum": 0}, {"minimum": 1, "exclusiveMinimum": False}),
    "a type or null": (
        {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "d"},
        {"type": "integer", "nullable": True, "description": "d"},
    ),
    "a reference or null": ({"anyOf": [A, {"type": "null"}]}, {"allOf": [A], "nullable": True}),
    "a union or null": (
        {"oneOf": [A, {"type": "string"}, {"type": "null"}]},
        {"oneOf": [A, {"type": "string"}], "nullable": True},
    ),
    "values or null": (
        {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]},
        {"type": "string", "enum": ["a", None], "nullable": True},
    ),
    "the fields beside a reference": ({**A, "description": "d"}, {"allOf": [A], "description": "d"}),
    "a reference alone": (A, A),
    "a list of anything": ({"type": "array"}, {"type": "array", "items": {}}),
    "an example": ({"examples": ["a"]}, {"example": "a"}),
    "bytes": ({"type": "string", "contentEncoding": "base64"}, {"type": "string", "format": "byte"}),
    "no other properties": ({"unevaluatedProperties": False}, {"additionalProperties": False}),
    "names that are keywords": (
        {"properties": {"examples": {"type": "string"}, "const": True}},
        {"properties": {"examples": {"type": "string"}, "const": {}}},
    ),
    "no required names": ({"required": []}, {}),
}


@pytest.mark.parametrize("case", SAID)
def test_a_schema_is_said_in_the_words_of_3_0(case: str) -> None:
    newer, older = SAID[case]
    result, losses = schema(newer)
    assert list(result.items()) == [item for key in result for item in older.items() if item[0] == key]
    assert result == older
    assert losses == []


@pytest.mark.parametrize(
    ("newer", "older", "pointer"),
    [
        ({"propertyNames": {"maxLength": 3}}, {}, "/propertyNames"),
        ({"contains": A}, {}, "/contains"),
        ({"if": A, "then": A}, {}, "/if"),
        (
            {"prefixItems": [A, {"type": "string"}], "items": False},
            {"items": {"anyOf": [A, {"type": "string"}]}, "maxItems": 2},
            "/prefixItems",
        ),
        ({"prefixItems": [A]}, {}, "/prefixItems"),
        (
            {"patternProperties": {"^a": A}, "additionalProperties": False},
            {"additionalProperties": A},
            "/patternProperties",
        ),
        ({"allOf": [A], "unevaluatedProperties": False}, {"allOf": [A]}, "/unevaluatedProperties"),
    ],
)
def test_a_rule_that_3_0_does_not_know_is_told_to_be_lost(newer: Any, older: Any, pointer: str) -> None:
    result, losses = schema(newer)
    assert result == older
    assert (pointer, True) in losses


@pytest.mark.parametrize("seed", range(40))
def test_what_a_random_schema_allows_its_3_0_form_allows(seed: int) -> None:
    chance = RandomSchemas(seed)
    values = [chance.value() for _ in range(12)]
    newer = chance.schema(values[0])
    result = converted(components={"schemas": {"S": newer}})
    assert list(OpenAPIV30SpecValidator(result.content).iter_errors()) == []
    before = Schemas(Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"S": newer}}}))
    after = Schemas(Document(result.content))
    for value in values:
        if before.validator("/components/schemas/S").is_valid(value):
            assert after.validator("/components/schemas/S").is_valid(value), (newer, value)


def _corrupted(value: Any, chance: random.Random) -> Iterator[Any]:
    """The value with one thing in it changed."""
    if isinstance(value, dict):
        for name, inner in value.items():
            rest = {key: each for key, each in value.items() if key != name}
            yield rest
            yield {**value, name: chance.choice([None, 1, "x", [], {}])}
            for changed in _corrupted(inner, chance):
                yield {**value, name: changed}
        yield {**value, "zyx": 1}
    elif isinstance(value, list):
        yield []
        for index, inner in enumerate(value[:2]):
            for changed in _corrupted(inner, chance):
                yield [*value[:index], changed, *value[index + 1 :]]
    else:
        yield chance.choice([None, -1, "x", True, 10**6])


@pytest.mark.long
def test_the_contract_allows_and_forbids_the_same_in_both_forms(document: Document) -> None:
    result = to_3_0(document)
    assert list(OpenAPIV30SpecValidator(result.content).iter_errors()) == []
    before, after, chance = Schemas(document), Schemas(Document(result.content)), random.Random(1)
    samples = Samples(before)
    lost = {loss.pointer for loss in result.losses if loss.looser}
    # No two kinds of events are alike; of so many the conversion cannot say so.
    assert lost == {"/components/schemas/Metadata/propertyNames", "/components/schemas/ResponseStreamEvent/oneOf"}
    judged = 0
    for name in document.content["components"]["schemas"]:
        pointer = f"/components/schemas/{name}"
        for seed in (None, 1, 2):
            value = samples.sample(pointer, seed)
            for each in (value, *_corrupted(value, chance)):
                verdict = before.validator(pointer).is_valid(each)
                assert after.validator(pointer).is_valid(each) == verdict, (name, each)
                judged += 1
    assert judged > 5000


@pytest.mark.parametrize("name", OURS)
def test_documents_of_others_are_valid_in_their_3_0_form(name: str) -> None:
    document = Document.load(foreign(name))
    result = to_3_0(document)
    assert list(OpenAPIV30SpecValidator(result.content).iter_errors()) == []
    if document.version.startswith("3.0"):
        assert result.content == document.content
        assert result.losses == []


def test_what_3_0_has_no_place_for_is_told() -> None:
    result = converted(
        info={"title": "T", "version": "1", "summary": "S", "license": {"name": "MIT", "identifier": "MIT"}},
        webhooks={"w": {"post": {"responses": {}}}},
        jsonSchemaDialect="https://json-schema.org/draft/2020-12/schema",
        components={"securitySchemes": {"mtls": {"type": "mutualTLS"}, "key": {"type": "http", "scheme": "bearer"}}},
        security=[{"mtls": [], "key": ["role"]}],
    )
    assert result.content["info"]["license"] == {"name": "MIT", "url": "https://spdx.org/licenses/MIT.html"}
    assert result.content["security"] == [{"key": []}]
    assert list(result.content["components"]["securitySchemes"]) == ["key"]
    assert {loss.pointer for loss in result.losses} == {
        *("/webhooks", "/jsonSchemaDialect", "/info/summary", "/components/securitySchemes/mtls", "/security/0/key"),
    }


def test_parts_that_are_no_components_of_3_0_become_some() -> None:
    result = converted(
        paths={"/a": {"$ref": "#/components/pathItems/P"}},
        components={
            "pathItems": {"P": {"get": {"parameters": [{"$ref": "#/components/schemas/S/$defs/not~1a~1parameter"}]}}},
            "schemas": {
                "S": {
                    "$defs": {
                        "Leaf": {"type": ["string", "null"]},
                        "not/a/parameter": {"name": "q", "in": "query", "schema": {"$ref": "#/components/schemas/S"}},
                    },
                    "properties": {"leaf": {"$ref": "#/components/schemas/S/$defs/Leaf"}, "again": A},
                },
                "Leaf": {"type": "integer"},
                "A": {"$ref": "#/components/schemas/S/properties/leaf"},
            },
        },
    )
    assert list(OpenAPIV30SpecValidator(result.content).iter_errors()) == []
    components = result.content["components"]
    assert components["schemas"]["Leaf_2"] == {"type": "string", "nullable": True}
    assert components["schemas"]["leaf"] == {"$ref": "#/components/schemas/Leaf_2"}
    assert result.content["paths"]["/a"]["get"] == {
        "parameters": [{"$ref": "#/components/parameters/not_a_parameter"}],
        "responses": {"default": {"description": "Any answer."}},
    }
    assert set(components) == {"schemas", "parameters"}


def test_a_broken_reference_is_named() -> None:
    with pytest.raises(DocumentError, match="the reference #/components/schemas/B points to nothing"):
        converted(components={"schemas": {"S": {"$ref": "#/components/schemas/B"}}})


def test_a_document_of_several_files_becomes_one(tmp_path: Path) -> None:
    entry = tmp_path / "entry.yaml"
    entry.write_text(
        "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths:\n  /a: {$ref: 'paths.yaml#/a'}\n", encoding="utf-8"
    )
    (tmp_path / "paths.yaml").write_text(
        "a: {get: {responses: {'200': {description: d, content: {application/json: {schema: {$ref: '#/S'}}}}}}}\n"
        "S: {type: [integer, 'null']}\n",
        encoding="utf-8",
    )
    result = to_3_0(Document.load(entry))
    assert list(OpenAPIV30SpecValidator(result.content).iter_errors()) == []
    assert result.content["components"] == {"schemas": {"S": {"type": "integer", "nullable": True}}}


@pytest.mark.parametrize(("name", "read"), [("out.json", json.loads), ("out.yaml", yaml.safe_load)])
def test_the_command_writes_the_document_and_names_what_is_lost(
    command: Command, tmp_path: Path, document: Document, name: str, read: Any
) -> None:
    done = command("contract", "convert", document.source, "--to", "3.0", "--output", tmp_path / name)
    assert done.exit_code == 0
    assert read((tmp_path / name).read_text(encoding="utf-8")) == to_3_0(document).content
    assert "looser: the rule propertyNames, at /components/schemas/Metadata/propertyNames" in done.stderr
    assert done.stdout == ""


def test_the_command_prints_a_document_as_it_was_written(command: Command, document: Document) -> None:
    printed = command("contract", "convert", document.source, "--to", "3.0").stdout
    assert printed.startswith("openapi: 3.0.3\n")
    assert yaml.safe_load(printed) == to_3_0(document).content
