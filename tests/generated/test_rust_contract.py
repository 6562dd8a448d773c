"""The form of the contract that Rust is generated from takes whatever the contract takes."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from app.contract.document import Document
from app.contract.schemas import Schemas
from app.documents.samples.samples import Samples
from tools.rust_contract import rust_contract

from ..openapi import contract, schemas
from .requests import requests

RUST = rust_contract(contract())
SEEDS = range(8)


def _read(schema: Any) -> Any:
    """A schema as Rust's types read it: what may be absent may be null."""
    if isinstance(schema, list):
        return [_read(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _read(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        required = schema.get("required", [])
        schema["properties"] = {
            name: value if name in required else {"anyOf": [value, {"type": "null"}]}
            for name, value in schema["properties"].items()
        }
    return schema


READ: Registry[Any] = Registry().with_resource(
    "urn:rust", DRAFT202012.create_resource({"components": {"schemas": _read(RUST["components"]["schemas"])}})
)


def _takes(name: str, value: Any) -> bool:
    schema = {"$ref": f"urn:rust#/components/schemas/{name}"}
    return jsonschema.Draft202012Validator(schema, registry=READ).is_valid(value)


def test_it_is_a_sound_document() -> None:
    validate(RUST)


def test_it_has_the_operations_and_the_names_of_the_contract() -> None:
    stream = {"schema": {"type": "string"}}
    paths = json.loads(json.dumps(contract()["paths"]))
    content = paths["/chat/completions"]["post"]["responses"]["200"]["content"]
    assert "text/event-stream" in content
    content["text/event-stream"] = stream
    listed = paths["/chat/completions"]["get"]["parameters"]
    listed.remove(next(each for each in listed if each.get("name") == "metadata"))
    chats, stored = "/chat/completions", "/chat/completions/{completion_id}"
    served = (chats, stored, f"{stored}/messages", "/models", "/models/{model}")
    assert RUST["paths"] == {path: paths[path] for path in served}
    # Unions of one, which are that one.
    gone = {"ChatCompletionRequestSystemMessageContentPart", "ChatCompletionRequestToolMessageContentPart"}
    names = list(RUST["components"]["schemas"])
    assert names == [name for name in schemas() if name in names]
    assert not gone & set(names)
    assert {"CreateChatCompletionRequest", "CreateChatCompletionStreamResponse", "ErrorResponse"} <= set(names)


def test_it_has_nothing_that_the_generators_get_wrong() -> None:
    written = json.dumps(RUST["components"]["schemas"])
    assert '"discriminator":' not in written
    assert '"anyOf":' not in written
    for schema in RUST["components"]["schemas"].values():
        for name, inner in schema.get("properties", {}).items():
            assert name in schema.get("required", []) or "null" not in json.dumps(inner.get("type", "")), name


def test_it_takes_every_request_that_the_contract_takes() -> None:
    for row in requests():
        if row.kind == "valid":
            assert _takes("CreateChatCompletionRequest", json.loads(row.body)), row.name


@pytest.mark.parametrize("name", [name for name in schemas() if name in RUST["components"]["schemas"]])
def test_it_takes_what_fits_the_contract(name: str, samples: Samples) -> None:
    pointer = f"/components/schemas/{name}"
    for seed in (None, *SEEDS):
        value = samples.sample(pointer, seed)
        assert value is None or _takes(name, value), value


@pytest.fixture(scope="module")
def samples(document: Document) -> Samples:
    return Samples(Schemas(document))
