"""The document is valid OpenAPI, complete, and its examples obey it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from app.contract.pointers import pointer_to
from app.documents.convert.newer import SENTINEL

from . import CONTRACT, FILES, Json, accepts, component_accepts, contract, schemas

_BY_A_MODEL = {"200", "400", "401", "403", "404", "408", "409", "413", "415", "429", "500", "502", "503", "504"}
_OF_STORED = {"200", "400", "401", "403", "404", "429", "500", "503"}
OPERATIONS = {
    "listChatCompletions": _OF_STORED,
    "createChatCompletion": _BY_A_MODEL,
    "getChatCompletion": _OF_STORED,
    "updateChatCompletion": _OF_STORED | {"408", "413", "415"},
    "deleteChatCompletion": _OF_STORED,
    "getChatCompletionMessages": _OF_STORED,
    "createCompletion": _BY_A_MODEL,
    "createEmbedding": _BY_A_MODEL,
    "createResponse": _BY_A_MODEL,
    "listModels": {"200", "401", "403", "429", "500", "503"},
    "retrieveModel": {"200", "401", "403", "404", "429", "500", "503"},
}


def _operations() -> dict[str, Json]:
    return {operation["operationId"]: operation for path in contract()["paths"].values() for operation in path.values()}


def _nodes(node: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Every object of the document, with its pointer, but for the examples and what they hold."""
    if isinstance(node, dict):
        yield pointer, node
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from _nodes(value, pointer + pointer_to(key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _nodes(value, f"{pointer}/{index}")


def _examples() -> list[tuple[str, str, object]]:
    """(where the example stands, the pointer of its schema, the example)."""
    found: list[tuple[str, str, object]] = []
    for pointer, node in _nodes(contract()):
        # A media type, a header or a parameter has its schema beside the example; a schema is it itself.
        schema = f"{pointer}/schema" if "schema" in node else pointer
        if "example" in node:
            found.append((pointer, schema, node["example"]))
        if isinstance(node.get("examples"), dict):
            found += [(f"{pointer} {name}", schema, each["value"]) for name, each in node["examples"].items()]
        elif isinstance(node.get("examples"), list):
            found += [(pointer, schema, each) for each in node["examples"]]
    return found


def test_the_files_are_one_document_whose_components_have_their_own_names() -> None:
    assert set(contract()) == {"openapi", "info", "servers", "security", "tags", "paths", "components"}
    # The operators' document is one of its own.
    assert {path.name for path in CONTRACT.parent.glob("*.yaml")} == {path.name for path in FILES} | {"admin.yaml"}


def test_the_document_is_valid_openapi_3_1() -> None:
    assert contract()["openapi"] == "3.1.0"
    assert [str(error) for error in OpenAPIV31SpecValidator(contract()).iter_errors()] == []


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    used = set()
    for pointer, node in _nodes(contract()):
        targets = [node["$ref"]] if "$ref" in node else []
        targets += node.get("discriminator", {}).get("mapping", {}).values()
        for target in targets:
            place: Any = contract()
            for key in target.removeprefix("#/").split("/"):
                assert key in place, f"{pointer}: {target}"
                place = place[key]
            used.add(target)
    unused = {name for name in schemas() if f"#/components/schemas/{name}" not in used}
    assert unused == set()


def test_no_line_is_longer_than_110_characters_and_no_tab_or_trailing_space_is_left() -> None:
    for file in FILES:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            assert len(line) <= 110, (file.name, number)
            assert "\t" not in line, (file.name, number)
            assert line == line.rstrip(), (file.name, number)


def test_no_keyword_of_openapi_3_0_and_no_private_one_is_used() -> None:
    for pointer, node in _nodes(contract()):
        for key in node:
            if key == SENTINEL and pointer.endswith("/text~1event-stream"):
                continue  # the one thing that the form in 3.2 says and 3.1 has no words for
            in_properties = pointer.endswith(("/properties", "/headers"))
            assert in_properties or (key != "nullable" and not str(key).startswith("x-")), f"{pointer}/{key}"


def test_the_operations_document_their_answers() -> None:
    assert {name: set(each["responses"]) for name, each in _operations().items()} == OPERATIONS


def test_every_answer_documents_its_request_id_and_every_failure_is_the_envelope() -> None:
    checked = 0
    for operation in _operations().values():
        for status, response in operation["responses"].items():
            if "$ref" in response:
                response = contract()["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
            assert "x-request-id" in response["headers"]
            assert ("www-authenticate" in response["headers"]) == (status == "401")
            assert ("retry-after" in response["headers"]) == (status in ("409", "429", "503"))
            if status != "200":
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorResponse"}
            checked += 1
    assert checked == sum(map(len, OPERATIONS.values()))


def test_a_completion_is_documented_as_json_and_as_a_stream_of_events() -> None:
    content = _operations()["createChatCompletion"]["responses"]["200"]["content"]
    assert {kind: media["schema"]["$ref"].rsplit("/", 1)[1] for kind, media in content.items()} == {
        "application/json": "CreateChatCompletionResponse",
        "text/event-stream": "CreateChatCompletionStreamEvent",
    }


def test_a_response_is_documented_as_json_and_as_a_stream_of_events() -> None:
    content = _operations()["createResponse"]["responses"]["200"]["content"]
    assert {kind: media["schema"]["$ref"].rsplit("/", 1)[1] for kind, media in content.items()} == {
        "application/json": "Response",
        "text/event-stream": "ResponseStreamEvent",
    }


def test_an_event_of_a_stream_is_a_chunk_or_an_error() -> None:
    assert [each["$ref"].rsplit("/", 1)[1] for each in schemas()["CreateChatCompletionStreamEvent"]["anyOf"]] == [
        "CreateChatCompletionStreamResponse",
        "ErrorResponse",
    ]
    assert not component_accepts("CreateChatCompletionStreamEvent", {"choices": []})
    assert not component_accepts("CreateChatCompletionStreamEvent", {"error": {"message": "No."}})


def test_every_operation_needs_a_bearer_key() -> None:
    assert contract()["security"] == [{"ApiKeyAuth": []}]
    assert not any("security" in operation for operation in _operations().values())
    scheme = contract()["components"]["securitySchemes"]["ApiKeyAuth"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_every_example_obeys_its_schema() -> None:
    examples = _examples()
    assert len(examples) >= 30
    assert [place for place, schema, value in examples if not accepts(schema, value)] == []


def test_the_request_examples_say_which_of_them_the_bundled_model_refuses() -> None:
    media = _operations()["createChatCompletion"]["requestBody"]["content"]["application/json"]
    words = "refused by the bundled model"
    refused = [name for name, each in media["examples"].items() if words in each["summary"]]
    assert list(media["examples"]) == ["plain", "stream", "tool_call", "image", "json_schema"]
    assert refused == ["image"]
    assert {each["value"]["model"] for each in media["examples"].values()} == {"parley-tiny"}


def test_every_discriminator_maps_each_value_of_its_tag_to_the_branch_that_has_it() -> None:
    checked = 0
    for pointer, node in _nodes(contract()):
        if "discriminator" not in node or pointer.endswith("/properties"):
            continue
        tag, mapping = node["discriminator"]["propertyName"], node["discriminator"]["mapping"]
        branches = [branch["$ref"] for branch in node["oneOf"] if branch != {"type": "null"}]
        assert sorted(set(mapping.values())) == sorted(branches), pointer
        for target in branches:
            branch = schemas()[target.rsplit("/", 1)[1]]
            assert branch["properties"][tag]["enum"] == [v for v, mapped in mapping.items() if mapped == target], (
                pointer
            )
            assert tag in branch["required"], pointer
            checked += 1
    assert checked >= 60


def test_every_schema_and_every_property_has_a_description_or_is_a_reference_to_one() -> None:
    bare = []
    for name, schema in schemas().items():
        if "description" not in schema:
            bare.append(name)
        for pointer, node in _nodes(schema, name):
            properties = {} if pointer.endswith("/properties") else node.get("properties", {})
            for key, value in properties.items():
                described = "description" in value or "$ref" in value
                if not described and not any("$ref" in branch for branch in value.get("anyOf", ())):
                    bare.append(f"{pointer}.{key}")
    assert bare == []


def test_an_error_needs_all_four_members_and_two_of_them_may_be_null() -> None:
    error = {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}
    assert component_accepts("ErrorResponse", {"error": error})
    for member in error:
        shorter = {key: value for key, value in error.items() if key != member}
        assert not component_accepts("ErrorResponse", {"error": shorter})
    assert not component_accepts("ErrorResponse", {"error": {**error, "message": None}})
