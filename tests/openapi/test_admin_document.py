"""The operators' document is valid OpenAPI, complete, and its examples obey it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from app.commands.check import handler_names
from app.configuration.document import own_document
from app.contract.document import Document
from app.contract.handlers import Handlers
from app.contract.pointers import look_up, pointer_to
from app.documents.lint.check import check_document

from . import CONTRACT, ROOT, Json

FILE = CONTRACT.with_name("admin.yaml")
_READS, _CHANGES = {"200", "400", "401", "500", "503"}, {"200", "400", "401", "408", "413", "415", "500", "503"}
OPERATIONS = {
    "listKeys": _READS,
    "createKey": _CHANGES | {"409"},
    "getKey": _READS | {"404"},
    "updateKey": _CHANGES | {"404", "409"},
    "revokeKey": _READS | {"404"},
    "rotateKey": _CHANGES | {"404", "409"},
    "listProjects": _READS,
    "createProject": _CHANGES,
    "getProject": _READS | {"404"},
    "listLimits": _READS,
    "getLimits": _READS,
    "setLimits": _CHANGES | {"404"},
    "clearLimits": _READS,
    "reportUsage": _READS,
    "listUsageRecords": _READS,
    "listAuditEntries": _READS,
}


@cache
def document() -> Json:
    return Document.load(FILE).content


def _operations() -> dict[str, Json]:
    return {operation["operationId"]: operation for path in document()["paths"].values() for operation in path.values()}


def _nodes(node: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        yield pointer, node
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from _nodes(value, pointer + pointer_to(key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _nodes(value, f"{pointer}/{index}")


def test_it_is_the_document_that_is_served() -> None:
    assert own_document("admin.yaml") == FILE


def test_it_is_valid_openapi_3_1_without_findings() -> None:
    assert document()["openapi"] == "3.1.0"
    assert [str(error) for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []
    assert list(check_document(FILE, handler_names(Handlers(("app.admin.handlers",)).find)).findings) == []


def test_the_lines_are_short() -> None:
    for number, line in enumerate(FILE.read_text(encoding="utf-8").splitlines(), 1):
        assert len(line) <= 110, number
        assert line == line.rstrip(), number


def test_every_component_is_used() -> None:
    used = {node["$ref"] for _, node in _nodes(document()) if "$ref" in node}
    for reference in used:
        assert look_up(document(), reference[1:]) is not None
    components = document()["components"]
    kinds = ("schemas", "parameters", "responses", "headers")
    assert {f"#/components/{kind}/{name}" for kind in kinds for name in components[kind]} == used


def test_the_operations_document_their_answers() -> None:
    assert {name: set(each["responses"]) for name, each in _operations().items()} == OPERATIONS


def test_every_operation_wants_an_operators_key() -> None:
    assert document()["security"] == [{"OperatorKey": []}]
    assert all("security" not in operation for operation in _operations().values())


def test_every_answer_documents_its_request_id_and_every_failure_is_the_envelope() -> None:
    for operation in _operations().values():
        for status, response in operation["responses"].items():
            if "$ref" in response:
                response = look_up(document(), response["$ref"][1:])
            assert "x-request-id" in response["headers"]
            assert ("www-authenticate" in response["headers"]) == (status == "401")
            assert ("retry-after" in response["headers"]) == (status == "503")
            if status != "200":
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorResponse"}


def test_bodies_refuse_what_they_do_not_know() -> None:
    bodies = [each["requestBody"]["content"] for each in _operations().values() if "requestBody" in each]
    schemas = [look_up(document(), body["application/json"]["schema"]["$ref"][1:]) for body in bodies]
    assert len(schemas) == 5
    assert all(schema["additionalProperties"] is False for schema in schemas)


def _examples() -> list[tuple[str, object]]:
    """The pointer of a schema, and an example of it."""
    found: list[tuple[str, object]] = []
    for pointer, node in _nodes(document()):
        if "example" in node:
            found.append((f"{pointer}/schema", node["example"]))
        if isinstance(node.get("examples"), dict):
            found += [(f"{pointer}/schema", each["value"]) for each in node["examples"].values()]
    return found


@pytest.mark.parametrize(("pointer", "example"), _examples(), ids=lambda part: part if isinstance(part, str) else "")
def test_the_examples_obey_their_schemas(pointer: str, example: object) -> None:
    registry: Registry[Any] = Registry().with_resource("urn:x", DRAFT202012.create_resource(document()))
    reference = {"$ref": "urn:x#" + quote(pointer, safe="/~")}
    jsonschema.Draft202012Validator(reference, registry=registry).validate(example)


def test_every_path_is_documented() -> None:
    page = (ROOT / "docs" / "admin.md").read_text()
    found = set(re.findall(r"(?<=[ `])(/admin/v1/[a-z/{}_]+)(?=`)", page))
    base = document()["servers"][0]["url"]
    paths = {base + path for path in document()["paths"]}
    assert paths <= found
    assert found - paths == {f"{base}/ui/"}
