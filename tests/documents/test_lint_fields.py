"""The table of fields says what OpenAPI's own schemas of documents say, and JSON Schema's of schemas.

The check does not validate by those schemas: they find 14 of the 59 mistakes in the file of cases, 7 of them at their
place, and say of most others that an object is "not valid under any of the given schemas". So the table stands by
itself, and is held against them here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from openapi_spec_validator.schemas import schema_v30, schema_v31, schema_v32

from app.contract.pointers import look_up, pointer_in
from app.documents.lint.fields import FIELDS, ONLY_3_1, ONLY_3_2, REQUIRED

Json = dict[str, Any]

SCHEMAS: dict[str, Json] = {"3.0": dict(schema_v30), "3.1": dict(schema_v31), "3.2": dict(schema_v32)}
# Where the schemas of 3.0, and of 3.1 and 3.2, have each object; None: not there.
OBJECTS: dict[str, tuple[str | None, str | None]] = {
    "OpenAPI": ("", ""),
    "Info": ("Info", "info"),
    "Contact": ("Contact", "contact"),
    "License": ("License", "license"),
    "Server": ("Server", "server"),
    "ServerVariable": ("ServerVariable", "server-variable"),
    "Tag": ("Tag", "tag"),
    "ExternalDocs": ("ExternalDocumentation", "external-documentation"),
    "Components": ("Components", "components"),
    "PathItem": ("PathItem", "path-item"),
    "Operation": ("Operation", "operation"),
    "Parameter": ("Parameter", "parameter"),
    "Header": ("Header", "header"),
    "RequestBody": ("RequestBody", "request-body"),
    "MediaType": ("MediaType", "media-type"),
    "Encoding": ("Encoding", "encoding"),
    "Response": ("Response", "response"),
    "Example": ("Example", "example"),
    "Link": ("Link", "link"),
    "SecurityScheme": ("SecurityScheme", "security-scheme"),
    "OAuthFlows": ("OAuthFlows", "oauth-flows"),
    "Discriminator": ("Discriminator", None),
    "XML": ("XML", None),
    "Schema": ("Schema", None),
}
# The schema of 3.1 says ``body`` where the specification has ``server``.
MISTAKES = {("Link", "3.1"): ({"body"}, {"server"})}
# What rules of their own tell.
TOLD_OTHERWISE = {"OpenAPI": {"openapi", "paths"}, "Operation": {"responses"}, "Response": {"description"}}


def at(version: str, name: str) -> Json:
    if not name:
        return SCHEMAS[version]
    found: Json = SCHEMAS[version]["definitions" if version == "3.0" else "$defs"][name]
    return found


def parts(version: str, node: Json) -> Iterator[Json]:
    """A schema and all that is laid over it."""
    yield node
    inner = [part for name in ("allOf", "oneOf", "anyOf") for part in node.get(name, ())]
    inner += [node[name] for name in ("then", "else") if name in node]
    inner += node.get("dependentSchemas", {}).values()
    if "$ref" in node:
        inner.append(look_up(SCHEMAS[version], pointer_in(node["$ref"])))
    for part in inner:
        yield from parts(version, part)


def fields(version: str, name: str) -> set[str]:
    found = set()
    for part in parts(version, at(version, name)):
        found |= set(part.get("properties", ()))
        for pattern in part.get("patternProperties", {}):
            # The methods of a path item.
            found |= set(pattern[2:-2].split("|")) if pattern.startswith("^(") and "?:" not in pattern else set()
    return found - {"$ref"}


@pytest.mark.parametrize("kind", sorted(OBJECTS.keys() - {"Schema"}))
def test_the_fields_of_an_object_are_those_of_openapis_schemas(kind: str) -> None:
    old, new = OBJECTS[kind]
    before = fields("3.0", old) if old is not None else set()
    after = fields("3.1", new) if new is not None else set()
    wrong, right = MISTAKES.get((kind, "3.1"), (set(), set()))
    after = (after - wrong) | right
    # What 3.2 has new in schemas stands in its dialect of JSON Schema.
    latest = fields("3.2", new) if new is not None else before | ONLY_3_2.get(kind, frozenset())
    assert set(FIELDS[kind]) == before | after | latest
    assert ONLY_3_1.get(kind, frozenset()) == after - before
    assert ONLY_3_2.get(kind, frozenset()) == latest - before - after


@pytest.mark.parametrize(("kind", "name"), [("Discriminator", "discriminator"), ("XML", "xml")])
def test_what_schemas_have_new_in_3_2_is_in_its_dialect(kind: str, name: str) -> None:
    file = files("openapi_schema_validator") / "schemas" / "oas3.2" / "meta" / "2025-09-17.json"
    assert set(json.loads(file.read_text())["$defs"][name]["properties"]) == set(FIELDS[kind])


@pytest.mark.parametrize("kind", OBJECTS)
def test_the_fields_that_an_object_must_have_are_those_of_openapis_schemas(kind: str) -> None:
    old, new = OBJECTS[kind]
    required = set(at("3.0", old).get("required", ())) if old is not None else set()
    required |= set(at("3.1", new).get("required", ())) if new is not None else set()
    assert required >= (set(at("3.2", new).get("required", ())) if new is not None else set())
    assert set(REQUIRED.get(kind, ())) == required - TOLD_OTHERWISE.get(kind, set())


def test_the_keywords_of_schemas_are_those_of_json_schema_and_of_openapi() -> None:
    base = "https://json-schema.org/draft/2020-12/"
    meta: Any = REGISTRY.contents(f"{base}schema")
    vocabularies: list[Any] = [REGISTRY.contents(base + part["$ref"]) for part in meta["allOf"]]
    keywords = {keyword for vocabulary in vocabularies for keyword in vocabulary["properties"]} - {"$ref"}
    before = fields("3.0", "Schema")
    assert set(FIELDS["Schema"]) == keywords | before
    assert ONLY_3_1["Schema"] == keywords - before
