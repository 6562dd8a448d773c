"""A document is written in any version of OpenAPI: what it says stays, and what a version has no words for is named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator
from openapi_spec_validator.schemas import schema_v30, schema_v31, schema_v32

from app.contract.document import Document
from app.contract.operations import operations
from app.contract.schemas import Schemas
from app.documents.convert.versions import Version, to_version
from app.documents.diff.documents import compare_documents

from ..conftest import Command
from ..foreign import NEWEST, OLDER, foreign
from ..openapi import CONTRACT

VERSIONS: tuple[Version, ...] = get_args(Version)
POINT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
JSON_POINT = {"type": "string", "contentMediaType": "application/json", "contentSchema": POINT}
ANSWER = {"200": {"description": "d"}}


def faults(content: Any, version: str) -> list[str]:
    """What OpenAPI's own schema of documents of a version finds."""
    schema = {"3.0": schema_v30, "3.1": schema_v31, "3.2": schema_v32}[version]
    kind = Draft4Validator if version == "3.0" else Draft202012Validator
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in kind(schema).iter_errors(content)]


def media(content: Any, method: str = "post") -> Any:
    return content["paths"]["/a"][method]["responses"]["200"]["content"]


def document(version: str, paths: Any = None, **fields: Any) -> Document:
    return Document({"openapi": version, "info": {"title": "t", "version": "1"}, "paths": paths or {}, **fields})


def answering(content: Any) -> Any:
    return {"/a": {"post": {"responses": {"200": {"description": "d", "content": content}}}}}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_contract_is_valid_in_every_version(version: Version) -> None:
    assert faults(to_version(Document.load(CONTRACT), version).content, version) == []


@pytest.mark.long
@pytest.mark.parametrize("version", ["3.1", "3.2"])
@pytest.mark.parametrize("name", [OLDER, NEWEST])
def test_documents_of_others_are_as_valid_as_they_were(name: str, version: Version) -> None:
    given = Document.load(foreign(name))
    before = faults(given.content, given.version[:3])
    assert len(faults(to_version(given, version).content, version)) <= len(before)


def test_the_contract_in_3_2_means_the_same_to_this_server_and_to_its_clients() -> None:
    ours = Document.load(CONTRACT)
    newer = Document(to_version(ours, "3.2").content)
    assert [change.message for change in compare_documents(ours, newer).changes] == []
    back = Document(to_version(newer, "3.1").content)
    assert [change.message for change in compare_documents(ours, back).changes] == []
    before = {each.id: each.responses for each in operations(ours)}
    for operation in operations(newer):
        assert operation.responses.keys() == before[operation.id].keys()
        assert operation.items == frozenset()


def test_the_events_of_the_contract_are_described_as_they_are_sent() -> None:
    content = to_version(Document.load(CONTRACT), "3.2").content
    streams = [
        answer["content"]["text/event-stream"]
        for item in content["paths"].values()
        for operation in item.values()
        if "text/event-stream" in (answer := operation["responses"]["200"]).get("content", {})
    ]
    assert len(streams) == 3
    newer = Document(content)
    for stream, has_end in zip(streams, (True, True, False), strict=True):
        assert "schema" not in stream
        assert ("oneOf" in stream["itemSchema"]) is has_end
        for example in stream["examples"].values():
            assert example["serializedValue"].startswith("data: {")
    (path,) = [path for path in content["paths"] if path == "/chat/completions"]
    pointer = f"/paths/{path.replace('/', '~1')}/post/responses/200/content/text~1event-stream/itemSchema"
    validator = Schemas(newer).validator(pointer)
    assert validator.is_valid({"data": "[DONE]"})
    assert not validator.is_valid({"data": "anything"})
    assert not validator.is_valid({})


def test_a_document_of_a_version_is_given_as_it_is() -> None:
    for version in VERSIONS:
        given = document(f"{version}.1")
        assert to_version(given, version).content is given.content


def test_the_words_of_3_0_become_those_of_3_1() -> None:
    schemas = {
        "A": {"type": "string", "nullable": True, "enum": ["a"]},
        "B": {"allOf": [{"$ref": "#/components/schemas/A"}], "nullable": True},
        "C": {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "maximum": 5, "exclusiveMaximum": False},
        "D": {"$ref": "#/components/schemas/A", "description": "was ignored"},
        "E": {"type": "string", "format": "byte"},
        "F": {"type": "string", "format": "binary"},
    }
    given = document("3.0.3", components={"schemas": schemas})
    before = copy.deepcopy(given.content)
    converted = to_version(given, "3.1")
    assert converted.content["components"]["schemas"] == {
        "A": {"type": ["string", "null"], "enum": ["a", None]},
        "B": {"anyOf": [{"allOf": [{"$ref": "#/components/schemas/A"}]}, {"type": "null"}]},
        "C": {"type": "integer", "exclusiveMinimum": 1, "maximum": 5},
        "D": {"$ref": "#/components/schemas/A"},
        "E": {"type": "string", "contentEncoding": "base64"},
        "F": {"type": "string", "contentMediaType": "application/octet-stream"},
    }
    assert (given.content, converted.losses) == (before, [])


_BOUND = st.integers(-3, 3)
_SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "string", "boolean", "number"])},
        optional={
            "nullable": st.booleans(),
            "minimum": _BOUND,
            "exclusiveMinimum": st.booleans(),
            "maximum": _BOUND,
            "exclusiveMaximum": st.booleans(),
            "enum": st.lists(st.sampled_from([1, 2, "a", True]), min_size=1, max_size=3, unique_by=repr),
        },
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"nullable": st.booleans()}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}, optional={"nullable": st.booleans()}),
        st.fixed_dictionaries({"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("ab"), inner)}),
    ),
    max_leaves=4,
)
_VALUES = [None, True, 0, 1, 2, 3, -3, 1.5, "a", "b", [], [1], [None], ["a"], {}, {"a": 1}, {"a": None}, {"b": "a"}]


@pytest.mark.long
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_SCHEMAS)
def test_a_schema_of_3_0_allows_the_same_in_any_version(schema: Any) -> None:
    given = document("3.0.3", components={"schemas": {"S": schema}})
    validator = Schemas(given).validator("/components/schemas/S")
    for version in ("3.1", "3.2"):
        newer = Schemas(Document(to_version(given, version).content)).validator("/components/schemas/S")
        for value in _VALUES:
            assert newer.is_valid(value) == validator.is_valid(value), (version, value)


def test_what_3_1_says_of_the_data_of_events_3_2_says_of_events() -> None:
    content = {
        "text/event-stream": {"schema": POINT, "example": {"n": 1}, "x-parley-sentinel": "[END]"},
        "application/jsonl": {"schema": POINT},
        "application/json-seq": {"schema": {"type": "array", "items": POINT}},
        "application/json": {"schema": POINT, "example": {"n": 1}},
    }
    converted = to_version(document("3.1.0", answering(content)), "3.2")
    found = media(converted.content)
    event = {"type": "object", "required": ["data"], "properties": {"event": {"type": "string"}, "data": JSON_POINT}}
    end = {"type": "object", "required": ["data"], "properties": {"data": {"type": "string", "enum": ["[END]"]}}}
    assert found["text/event-stream"] == {
        "itemSchema": {"oneOf": [event, end]},
        "examples": {"example": {"serializedValue": 'data: {"n":1}\n\n'}},
    }
    assert found["application/jsonl"] == {"itemSchema": POINT}
    assert found["application/json-seq"] == content["application/json-seq"]
    assert found["application/json"] == content["application/json"]
    assert faults(converted.content, "3.2") == []
    back = to_version(Document(converted.content), "3.1").content
    assert media(back)["text/event-stream"]["schema"] == POINT
    assert media(back)["text/event-stream"]["x-parley-sentinel"] == "[END]"


def test_a_stream_that_is_described_as_a_text_stays_one() -> None:
    content = {"text/event-stream": {"schema": {"type": "string"}}}
    assert media(to_version(document("3.1.0", answering(content)), "3.2").content) == content


LATEST: dict[str, tuple[Any, str]] = {
    "/$self": ({"$self": "https://example.com/a"}, "the URI of the document"),
    "/servers/0/name": ({"servers": [{"url": "/", "name": "n"}]}, "the name of a server"),
    "/tags/0/kind": ({"tags": [{"name": "a", "kind": "nav"}]}, "the kind of a tag"),
    "/tags/1/parent": ({"tags": [{"name": "b"}, {"name": "a", "parent": "b"}]}, "the parent of a tag"),
    "/paths/~1a/query": ({"paths": {"/a": {"query": {"responses": ANSWER}}}}, "the operation"),
    "/paths/~1a/additionalOperations/COPY": (
        {"paths": {"/a": {"additionalOperations": {"COPY": {"responses": ANSWER}}}}},
        "the operation",
    ),
    "/components/securitySchemes/k/flows/deviceAuthorization": (
        {
            "components": {
                "securitySchemes": {
                    "k": {
                        "type": "oauth2",
                        "flows": {
                            "deviceAuthorization": {
                                "deviceAuthorizationUrl": "https://a",
                                "tokenUrl": "https://a",
                                "scopes": {},
                            }
                        },
                    }
                }
            }
        },
        "the flow for devices",
    ),
    "/components/securitySchemes/k/oauth2MetadataUrl": (
        {"components": {"securitySchemes": {"k": {"type": "oauth2", "flows": {}, "oauth2MetadataUrl": "https://a"}}}},
        "the address of the authorization server's metadata",
    ),
    "/components/parameters/c/style": (
        {"components": {"parameters": {"c": {"name": "c", "in": "cookie", "style": "cookie", "schema": {}}}}},
        "a cookie",
    ),
    "/components/schemas/s/discriminator": (
        {"components": {"schemas": {"s": {"discriminator": {"propertyName": "a", "defaultMapping": "s"}}}}},
        "the discriminator",
    ),
    "/components/schemas/s/xml/nodeType": (
        {"components": {"schemas": {"s": {"type": "string", "xml": {"nodeType": "cdata"}}}}},
        "kind of XML node",
    ),
}


@pytest.mark.parametrize("pointer", LATEST)
@pytest.mark.parametrize("version", ["3.1", "3.0"])
def test_what_3_2_has_new_is_named_where_it_is_left_out(pointer: str, version: Version) -> None:
    fields, what = LATEST[pointer]
    whole = {"openapi": "3.2.0", "info": {"title": "t", "version": "1"}, "paths": {}, **fields}
    assert faults(whole, "3.2") == []
    converted = to_version(Document(whole), version)
    assert faults(converted.content, version) == []
    assert any(loss.pointer == pointer and what in loss.what for loss in converted.losses)


def test_what_3_2_says_in_new_words_is_said_in_old_ones() -> None:
    shared = {"schema": POINT, "examples": {"a": {"dataValue": {"n": 1}}, "b": {"serializedValue": '{"n":2}'}}}
    query = {
        "name": "q",
        "in": "querystring",
        "content": {"application/x-www-form-urlencoded": {"schema": POINT}},
    }
    events = {
        "oneOf": [
            {"properties": {"event": {"const": "a"}, "data": JSON_POINT}, "required": ["event"]},
            {"properties": {"event": {"const": "b"}, "data": {"type": "string"}}, "required": ["event"]},
        ]
    }
    operation = {
        "parameters": [query],
        "security": [{"#/components/securitySchemes/k": []}],
        "responses": {
            "200": {
                "summary": "fine",
                "content": {
                    "application/json": {"$ref": "#/components/mediaTypes/p"},
                    "text/event-stream": {"itemSchema": events},
                    "application/jsonl": {"itemSchema": POINT},
                },
            }
        },
    }
    components = {
        "mediaTypes": {"p": shared},
        "securitySchemes": {"k": {"type": "http", "scheme": "bearer"}},
        "schemas": {"x": {"type": "string", "xml": {"nodeType": "attribute"}}},
    }
    given = document("3.2.0", {"/a": {"post": operation}}, components=components)
    assert faults(given.content, "3.2") == []
    converted = to_version(given, "3.1")
    assert faults(converted.content, "3.1") == []
    made = converted.content["paths"]["/a"]["post"]
    assert made["parameters"] == [{"name": "q", "in": "query", "style": "form", "explode": True, "schema": POINT}]
    assert made["security"] == [{"k": []}]
    assert made["responses"]["200"]["description"] == "fine"
    found = media(converted.content)
    assert found["application/json"]["examples"] == {"a": {"value": {"n": 1}}, "b": {"value": {"n": 2}}}
    assert found["text/event-stream"] == {"schema": {"anyOf": [POINT, {"type": "string"}]}}
    assert found["application/jsonl"] == {"schema": POINT}
    assert converted.content["components"]["schemas"]["x"]["xml"] == {"attribute": True}
    assert "mediaTypes" not in converted.content["components"]
    assert faults(to_version(given, "3.0").content, "3.0") == []


def test_a_query_that_is_no_form_is_left_out_wherever_it_stands() -> None:
    query = {"name": "q", "in": "querystring", "content": {"application/json": {"schema": POINT}}}
    given = document(
        "3.2.0",
        {"/a": {"parameters": [query], "get": {"parameters": [{"$ref": "#/components/parameters/q"}]}}},
        components={"parameters": {"q": query}},
    )
    converted = to_version(given, "3.1")
    item = converted.content["paths"]["/a"]
    assert (item["parameters"], item["get"]["parameters"]) == ([], [])
    assert converted.content["components"]["parameters"] == {}
    assert {loss.looser for loss in converted.losses} == {True}


def test_the_parts_of_other_files_are_converted_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "openapi: 3.2.0\ninfo: {title: T, version: '1'}\npaths:\n  /a: {$ref: 'paths.yaml#/a'}\n", encoding="utf-8"
    )
    (tmp_path / "paths.yaml").write_text(
        "a: {query: {responses: {'200': {}}}, get: {responses: {'200': {summary: s}}}}\n", encoding="utf-8"
    )
    converted = to_version(Document.load(tmp_path / "a.yaml"), "3.1")
    (item,) = [file["a"] for file in converted.content["x-parley-files"].values()]
    assert item == {"get": {"responses": {"200": {"description": "s"}}}}


@pytest.mark.long
@pytest.mark.parametrize("version", VERSIONS)
def test_the_command_writes_every_version(command: Command, tmp_path: Path, version: Version) -> None:
    done = command("contract", "convert", CONTRACT, "--to", version, "--output", tmp_path / "out.json")
    assert done.exit_code == 0
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written == to_version(Document.load(CONTRACT), version).content
    assert command("contract", "check", tmp_path / "out.json").exit_code == 0
    assert command("contract", "diff", CONTRACT, tmp_path / "out.json", "--fail-on-breaking").exit_code == 0


def test_a_document_with_a_uri_of_its_own_is_bundled_and_compared(command: Command, tmp_path: Path) -> None:
    reference = "https://example.com/api/shared/pets.json#/components/schemas/Pet"
    item = {"properties": {"event": {"const": "pet"}, "data": {**JSON_POINT, "contentSchema": {"$ref": reference}}}}
    whole = {
        "openapi": "3.2.0",
        "$self": "https://example.com/api/openapi.json",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/a": {"additionalOperations": {"WATCH": {"responses": {"200": {"content": {"text/event-stream": {}}}}}}}
        },
    }
    media = whole["paths"]["/a"]["additionalOperations"]["WATCH"]["responses"]["200"]["content"]  # type: ignore[index]
    media["text/event-stream"] = {"itemSchema": item}
    (tmp_path / "shared").mkdir()
    (tmp_path / "a.json").write_text(json.dumps(whole))
    (tmp_path / "shared" / "pets.json").write_text(json.dumps({"components": {"schemas": {"Pet": POINT}}}))
    assert command("contract", "bundle", tmp_path / "a.json", "--output", tmp_path / "b.json").exit_code == 0
    bundled = json.loads((tmp_path / "b.json").read_text())
    assert faults(bundled, "3.2") == []
    assert bundled["components"]["schemas"]["Pet"] == POINT
    assert command("contract", "diff", tmp_path / "a.json", tmp_path / "b.json").stdout == "no changes\n"
    bundled["components"]["schemas"]["Pet"] = {**POINT, "required": []}
    (tmp_path / "c.json").write_text(json.dumps(bundled))
    told = command("contract", "diff", tmp_path / "b.json", tmp_path / "c.json").stdout
    assert told.startswith("WATCH /a\n  breaking")
