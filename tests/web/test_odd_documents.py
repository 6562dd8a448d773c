"""Documents that are honest but unusual are served as their authors mean them, in all versions of the standard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.contract.document import Document
from app.documents.lint.check import check_document
from app.errors import DocumentError
from app.settings import Mock

from .inprocess import BEARER, application, error, openapi

VERSIONS = pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
OPEN: Any = {"security": [], "components": {}}


def answers(schema: Any, media_type: str = "application/json") -> Any:
    return {"200": {"description": "d", "content": {media_type: {"schema": schema}}}}


def takes(schema: Any, media_type: str = "application/json") -> Any:
    return {"requestBody": {"content": {media_type: {"schema": schema}}}, "responses": answers({})}


def asked(folder: Path, operation: Any, version: str, *, mock: Mock = "all", **fields: Any) -> Any:
    """A server of one operation, ``POST /a``, that is mocked."""
    return application(openapi({"/a": {"post": operation}}, version, **{**OPEN, **fields}), folder, mock=mock)


def parameter(place: str, name: str, schema: Any, **more: Any) -> Any:
    return {"parameters": [{"name": name, "in": place, "schema": schema, **more}], "responses": answers({})}


@VERSIONS
def test_a_header_with_an_underscore_is_read_and_is_not_the_one_with_a_hyphen(tmp_path: Path, version: str) -> None:
    operation = parameter("header", "my_header", {"type": "integer"}, required=True)
    with asked(tmp_path, operation, version) as client:
        assert client.post("/a", headers={"my_header": "1"}).status_code == 200
        assert error(client.post("/a", headers={"my_header": "x"}), 400)["param"] == "my_header"
        assert error(client.post("/a", headers={"my-header": "1"}), 400)["code"] == "missing_required_parameter"


@VERSIONS
def test_a_key_in_a_header_with_an_underscore_opens(tmp_path: Path, version: str) -> None:
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "api_key"}}
    secured: Any = {"security": [{"key": []}], "components": {"securitySchemes": schemes}}
    with asked(tmp_path, {"responses": answers({})}, version, **secured) as client:
        assert client.post("/a", headers={"api_key": BEARER["authorization"][7:]}).status_code == 200
        assert error(client.post("/a", headers={"api-key": BEARER["authorization"][7:]}), 401)


@VERSIONS
@pytest.mark.parametrize(
    ("items", "query", "status"),
    [
        ({"type": "integer"}, "ids=1%2C2", 200),
        ({"type": "integer"}, "ids=1%2c2,3", 200),
        ({"type": "string", "enum": ["b", "c"]}, "ids=b%2Cc", 200),
        ({"type": "string", "enum": ["b", "c"]}, "ids=b%2Cd", 400),
        ({"type": "string", "maxLength": 1}, "ids=b%2Cc", 400),  # a text may hold a comma
    ],
)
def test_an_encoded_comma_splits_a_list_of_what_holds_none(
    tmp_path: Path, version: str, items: Any, query: str, status: int
) -> None:
    operation = parameter("query", "ids", {"type": "array", "items": items}, explode=False)
    with asked(tmp_path, operation, version) as client:
        assert client.post(f"/a?{query}").status_code == status


MULTIPART = {"content-type": "multipart/form-data; boundary=b"}


@VERSIONS
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_says_nothing_of_may_be_a_list(tmp_path: Path, version: str, kind: str) -> None:
    schema = {"type": "object", "properties": {"one": {"type": "string"}, "any": {}}}
    part = '--b\r\nContent-Disposition: form-data; name="{0}"\r\n\r\nx\r\n'

    def body(name: str) -> dict[str, Any]:
        if kind != MULTIPART["content-type"].partition(";")[0]:
            return {"content": f"{name}=x&{name}=x", "headers": {"content-type": kind}}
        return {"content": part.format(name) * 2 + "--b--\r\n", "headers": MULTIPART}

    with asked(tmp_path, takes(schema, kind), version) as client:
        for name in ("any", "more", ""):
            assert client.post("/a", **body(name)).status_code == 200, name
        assert error(client.post("/a", **body("one")), 400)["param"] == "one"


@VERSIONS
@pytest.mark.parametrize(
    ("paths", "asked", "found"),
    [
        # The standard's own example of paths of which either may be taken.
        (["/{entity}/me", "/books/{id}"], "/books/me", "/{entity}/me"),
        (["/books/{id}", "/{entity}/me"], "/books/me", "/{entity}/me"),
        (["/x/{b}/{c}", "/{a}/{b}/c"], "/x/y/c", "/{a}/{b}/c"),
        (["/commits/{sha}", "/commits/{sha}.{kind}"], "/commits/0.diff", "/commits/{sha}.{kind}"),
        (["/commits/{sha}", "/commits/{sha}.{kind}"], "/commits/0/1", "/commits/{sha}"),
    ],
)
def test_of_several_templates_that_a_path_fits_one_answers(
    tmp_path: Path, version: str, paths: list[str], asked: str, found: str
) -> None:
    def item(path: str) -> Any:
        names = re.findall(r"{(.*?)}", path)
        parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
        return {"get": {"parameters": parameters, "responses": answers({"type": "string", "enum": [path]})}}

    content = openapi({path: item(path) for path in paths}, version, **OPEN)
    with application(content, tmp_path, mock="all") as client:
        answer = client.get(asked)
        assert (answer.status_code, answer.json()) == (200, found)


@VERSIONS
def test_the_one_of_several_templates_that_answers_is_the_one_whose_key_was_asked_for(
    tmp_path: Path, version: str
) -> None:
    def item(name: str, **fields: Any) -> Any:
        return {"get": {**parameter("path", name, {"type": "string"}, required=True), **fields}}

    secured = {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}}
    content = openapi({"/{entity}/me": item("entity", security=[{"key": []}]), "/books/{id}": item("id")}, version)
    with application({**content, "security": [], "components": secured}, tmp_path, mock="all") as client:
        assert error(client.get("/books/me"), 401)
        assert client.get("/books/me", headers=BEARER).status_code == 200
        assert client.get("/books/5").status_code == 200


@VERSIONS
@pytest.mark.parametrize("path", ["/a/x%0Ay", "/a/x%0A", "/a/%0A/b", "/c/x%0Ay/d"])
def test_a_text_in_a_path_may_hold_the_end_of_a_line(tmp_path: Path, version: str, path: str) -> None:
    item = {"get": {**parameter("path", "text", {"type": "string", "pattern": "\n"}, required=True)}}
    content = openapi({"/a/{text}": item, "/c/{text}/d": item}, version, **OPEN)
    with application(content, tmp_path, mock="all") as client:
        assert client.get(path).status_code == 200
        assert error(client.post(path), 405)


@VERSIONS
@pytest.mark.parametrize("style", [None, {"style": "deepObject", "explode": True}])
def test_deep_objects_in_a_form_are_deep(tmp_path: Path, version: str, style: Any) -> None:
    lines = {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "integer"}}}}
    deep = {"type": "object", "properties": {"on": {"type": "boolean"}, "lines": lines}}
    schema = {"type": "object", "properties": {"deep": {"type": "object", "properties": {"er": deep}}, "lines": lines}}
    operation = takes(schema, "application/x-www-form-urlencoded")
    if style:
        media = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]
        media["encoding"] = {"deep": style, "lines": style}
    with asked(tmp_path, operation, version) as client:

        def ask(form: str) -> Any:
            return client.post("/a", content=form, headers={"content-type": "application/x-www-form-urlencoded"})

        assert ask("deep[er][on]=true&deep[er][lines][0][price]=5&lines[][price]=1&lines[][price]=2").status_code == 200
        assert error(ask("deep[er][on]=x"), 400)["param"] == "deep.er.on"
        assert error(ask("deep[er][lines][0][price]=x"), 400)["param"] == "deep.er.lines[0].price"
        assert error(ask("lines[0][price]=1&lines[1][price]=x"), 400)["param"] == "lines[1].price"


@VERSIONS
@pytest.mark.parametrize(
    "annotation",
    [{"examples": {"one": "a"}}, {"title": 2026}, {"description": None}, {"deprecated": "yes"}, {"readOnly": 1}],
)
def test_an_annotation_that_is_none_decides_nothing(tmp_path: Path, version: str, annotation: Any) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", **annotation}, "title": {"type": "integer"}}}
    with asked(tmp_path, {**takes(schema), "responses": answers(schema)}, version) as client:
        assert client.post("/a", json={"a": 1, "title": 5}).status_code == 200
        assert error(client.post("/a", json={"a": "x"}), 400)["param"] == "a"
        assert error(client.post("/a", json={"title": "x"}), 400)["param"] == "title"


@VERSIONS
def test_a_closed_object_without_properties_names_what_has_no_place(tmp_path: Path, version: str) -> None:
    closed = {"type": "object", "additionalProperties": False}
    with asked(tmp_path, takes({"type": "object", "properties": {"a": closed}, "allOf": [{}]}), version) as client:
        assert client.post("/a", json={"a": {}}).status_code == 200
        told = error(client.post("/a", json={"a": {"b": 1}}), 400)
        assert (told["param"], told["code"]) == ("a.b", "unknown_parameter")
    with asked(tmp_path, takes(closed), version) as client:
        assert error(client.post("/a", json={"b": 1}), 400)["param"] == "b"


@VERSIONS
def test_a_member_of_a_query_that_may_be_anything_may_be_a_list(tmp_path: Path, version: str) -> None:
    schema = {"type": "object", "properties": {"one": {"type": "string"}}, "additionalProperties": True}
    with asked(tmp_path, parameter("query", "all", schema), version) as client:
        assert client.post("/a?more=1&more=2").status_code == 200
        assert error(client.post("/a?one=1&one=2"), 400)["param"] == "all.one"


def animal(*kinds: str, **properties: Any) -> Any:
    kind = {"type": "string", "enum": list(kinds)} if kinds else {"type": "string"}
    return {"type": "object", "required": ["kind"], "properties": {"kind": kind, **properties}}


@VERSIONS
def test_a_mapping_tells_branches_apart_that_list_the_same_values(tmp_path: Path, version: str) -> None:
    schemas = {"Cat": animal("cat", "dog", lives={"type": "integer"}), "Dog": animal("cat", "dog")}
    mapping = {name.lower(): f"#/components/schemas/{name}" for name in schemas}
    union: Any = {"oneOf": [{"$ref": at} for at in mapping.values()]}
    union |= {"discriminator": {"propertyName": "kind", "mapping": mapping}}
    operation = {**takes(union), "responses": answers(union)}
    with asked(tmp_path, operation, version, components={"schemas": schemas}) as client:
        assert client.post("/a", json={"kind": "cat", "lives": 7}).json()["kind"] == "cat"
        assert client.post("/a", json={"kind": "dog", "lives": "many"}).status_code == 200
        assert error(client.post("/a", json={"kind": "cat", "lives": "many"}), 400)["param"] == "lives"


@VERSIONS
def test_beside_a_mapping_the_names_of_the_schemas_stand_for_them_too(tmp_path: Path, version: str) -> None:
    schemas = {"Cat": animal(), "Dog": animal()}
    union: Any = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in schemas]}
    union |= {"discriminator": {"propertyName": "kind", "mapping": {"meow": "#/components/schemas/Cat"}}}
    with asked(tmp_path, takes(union), version, components={"schemas": schemas}) as client:
        for kind in ("meow", "Cat", "Dog"):
            assert client.post("/a", json={"kind": kind}).status_code == 200, kind
        assert client.post("/a", json={"kind": "cow"}).status_code == 400


@VERSIONS
def test_an_operation_by_reference_is_the_one_that_it_refers_to(tmp_path: Path, version: str) -> None:
    (tmp_path / "make.json").write_text(json.dumps({"operationId": "make", **takes({"type": "integer"})}))
    content = openapi({"/a": {"post": {"$ref": "make.json"}}}, version, **OPEN)
    with application(content, tmp_path, mock="all") as client:
        assert error(client.post("/a", json="x"), 400)["code"] == "invalid_type"
        assert client.post("/a", json=1).status_code == 200
    findings = check_document(tmp_path / "document.json", lambda operation: "501").findings
    assert "operation-by-reference" in {finding.rule for finding in findings if finding.severity == "warning"}


def test_an_operation_without_responses_is_mocked_as_one_that_says_nothing(tmp_path: Path) -> None:
    with asked(tmp_path, {"operationId": "quiet"}, "3.1.0") as client:
        answer = client.post("/a")
        assert (answer.status_code, answer.content) == (204, b"")


@VERSIONS
def test_a_stream_without_a_schema_is_mocked_as_events(tmp_path: Path, version: str) -> None:
    responses = {"200": {"description": "d", "content": {"text/event-stream": {}}}}
    with asked(tmp_path, {"responses": responses}, version) as client:
        answer = client.post("/a")
        assert answer.status_code == 200
        assert answer.text.startswith("data: {}\n\n")
        assert answer.text.endswith("data: [DONE]\n\n")


@VERSIONS
def test_a_name_that_is_required_twice_is_required_once(tmp_path: Path, version: str) -> None:
    schema = {"type": "object", "required": ["a", "a"], "properties": {"a": {"type": "integer"}}}
    with asked(tmp_path, {**takes(schema), "responses": answers(schema)}, version) as client:
        assert client.post("/a", json={"a": 1}).json() == {"a": 1}
        assert error(client.post("/a", json={}), 400)["param"] == "a"


def test_a_type_that_is_null_without_quotes_is_the_type_null(tmp_path: Path) -> None:
    schema = {"anyOf": [{"type": "integer"}, {"type": None}]}
    with asked(tmp_path, takes(schema), "3.1.0") as client:
        assert client.post("/a", json=1).status_code == 200
        assert client.post("/a", content=b"null", headers={"content-type": "application/json"}).status_code == 200
        assert client.post("/a", json="x").status_code == 400


@pytest.mark.parametrize("parts", [{"webhooks": {}}, {"components": {"schemas": {"A": {}}}}])
def test_a_document_without_paths_is_served_where_it_has_something_else(tmp_path: Path, parts: Any) -> None:
    content = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, **parts}
    with application(content, tmp_path) as client:
        assert client.get("/openapi.json").json() == content
        assert client.get("/").status_code == 307


def test_a_document_of_3_0_needs_paths() -> None:
    with pytest.raises(Exception, match="no paths"):
        Document({"openapi": "3.0.3", "components": {}})


@VERSIONS
def test_xml_is_handed_on_as_it_is_whatever_its_type_is_called(tmp_path: Path, version: str) -> None:
    for media_type in ("text/xml", "application/xml"):
        with asked(tmp_path, takes({"type": "object"}, media_type), version) as client:
            answer = client.post("/a", content=b"<a/>", headers={"content-type": media_type})
            assert answer.status_code == 200, media_type


@VERSIONS
@pytest.mark.parametrize(("text", "status"), [("5.9e-121", 200), ("1e300", 200), ("1e999", 400), ("1e1000", 400)])
def test_a_number_as_text_may_have_any_exponent_that_a_float_has(
    tmp_path: Path, version: str, text: str, status: int
) -> None:
    with asked(tmp_path, parameter("query", "x", {"type": "number"}), version) as client:
        assert client.post(f"/a?x={text}").status_code == status


GOOD: Any = {"get": {"operationId": "good", "responses": answers({"type": "integer"})}}
BAD: dict[str, Any] = {
    "a broken reference": {"requestBody": {"$ref": "#/components/requestBodies/None"}, "responses": answers({})},
    "a schema that leads nowhere": takes({"$ref": "#/components/schemas/None"}),
    "a schema that is none": takes({"type": "text"}),
    "a scheme that is not there": {"responses": answers({}), "security": [{"none": []}]},
    "a parameter without a name": {"parameters": [{"in": "query"}], "responses": answers({})},
    "an operation that leads nowhere": {"$ref": "#/x-nowhere"},
    "an operation that is none": [],
}


@VERSIONS
@pytest.mark.parametrize("fault", BAD)
def test_a_lenient_server_leaves_out_what_cannot_be_used_and_names_it(
    tmp_path: Path, version: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad = BAD[fault]
    content = openapi({"/good": GOOD, "/bad": {"post": bad}}, version, **OPEN)
    with pytest.raises(DocumentError), application(content, tmp_path, mock="all"):
        pass
    with application(content, tmp_path, mock="all", lenient=True) as client:
        assert client.get("/good").status_code == 200
        told = error(client.post("/bad", json={}), 501)
        assert told["code"] == "not_implemented"
        assert str(tmp_path) not in told["message"]
    assert "post_bad answers 501" in caplog.text


@VERSIONS
def test_a_lenient_server_leaves_out_what_refers_to_a_file_that_is_not_there(
    tmp_path: Path, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "there.json").write_text(json.dumps({"type": "array", "items": {"$ref": "deep/missing.json"}}))
    lost: dict[str, Any] = {
        "schema": takes({"$ref": "missing.yaml#/Thing"}),
        "deep": takes({"$ref": "there.json"}),
        "answer": {"responses": {"200": {"$ref": "missing.yaml"}}},
        "parameter": {"parameters": [{"$ref": "missing.yaml#/p"}], "responses": answers({})},
    }
    paths = {f"/{name}": {"post": operation} for name, operation in lost.items()}
    content = openapi({"/good": GOOD, **paths, "/item": {"$ref": "missing.yaml#/item"}}, version, **OPEN)
    with pytest.raises(DocumentError), application(content, tmp_path, mock="all"):
        pass
    with application(content, tmp_path, mock="all", lenient=True) as client:
        assert client.get("/good").status_code == 200
        for path in paths:
            assert error(client.post(path, json={}), 501)["code"] == "not_implemented", path
        assert client.get("/item").status_code == 404
    assert "refers to missing.yaml, which does not exist" in caplog.text
    assert "refers to deep/missing.json, which does not exist" in caplog.text


def test_a_lenient_server_leaves_out_a_path_that_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = {"/good": GOOD, "bad": GOOD, "/worse": {"$ref": "#/x-nowhere"}, "/worst": []}
    with application(openapi(paths, **OPEN), tmp_path, mock="all", lenient=True) as client:
        assert client.get("/good").status_code == 200
        assert client.get("/worse").status_code == 404
    assert caplog.text.count("left out: ") == 3


def test_in_a_lenient_document_the_second_operation_of_a_name_has_another(tmp_path: Path) -> None:
    content = openapi({"/a": GOOD, "/b": GOOD}, **OPEN)
    with application(content, tmp_path, mock="all", lenient=True) as client:
        assert client.get("/a").status_code == client.get("/b").status_code == 200
