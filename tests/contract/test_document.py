"""Any honest OpenAPI 3.x document is read into one form; what cannot be read is told in words."""

from pathlib import Path
from typing import Any

import pytest

from app.contract.document import Document
from app.contract.handlers import Handlers
from app.contract.operations import operations
from app.contract.routing import Paths, routing_view
from app.contract.schemas import Schemas
from app.errors import ConfigurationError


def make(paths: Any = None, **fields: Any) -> Document:
    return Document({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths or {}, **fields})


def test_yaml_has_the_types_of_json_only(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("openapi: 3.1.0\npaths: {}\nx: [2024-01-01, on, no, 010, 1.5, 1e3, true, null, ~, '1']\n")
    assert Document.load(path).content["x"] == ["2024-01-01", "on", "no", 10, 1.5, 1000.0, True, None, None, "1"]


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("a.yaml", "openapi: '2.0'\npaths: {}", "OpenAPI document 3.0, 3.1 or 3.2"),
        ("b.yaml", "paths: {}", "no openapi version"),
        ("c.yaml", "openapi: 3.1.0", "no paths"),
        ("d.yaml", "a: [", "not valid YAML"),
        ("e.json", "{", "not valid JSON"),
        ("f.yaml", "- 1", "not an object"),
    ],
)
def test_a_file_that_is_no_document_is_refused_in_words(tmp_path: Path, name: str, text: str, part: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=part):
        Document.load(tmp_path / name)


@pytest.mark.parametrize(
    ("server", "base"),
    [
        ({"url": "/"}, ""),
        ({"url": "/v1"}, "/v1"),
        ({"url": "/v1/"}, "/v1"),
        ({"url": "https://api.example.com/v2/x"}, "/v2/x"),
        (
            {
                "url": "https://{host}/{version}",
                "variables": {"host": {"default": "a.b"}, "version": {"default": "v3"}},
            },
            "/v3",
        ),
    ],
)
def test_the_base_path_is_that_of_the_first_server(server: Any, base: str) -> None:
    assert make(servers=[server]).base_path == base


def test_leftovers_of_3_0_mean_what_their_authors_meant() -> None:
    schemas = {
        "Nullable": {"type": "string", "enum": ["a"], "nullable": True},
        "Exclusive": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        "Property": {"type": "object", "properties": {"nullable": {"type": "boolean"}}},
    }
    compiled = Schemas(make(components={"schemas": schemas}))

    def valid(name: str, value: Any) -> bool:
        return compiled.validator(f"/components/schemas/{name}").is_valid(value)

    assert valid("Nullable", None)
    assert valid("Nullable", "a")
    assert not valid("Nullable", "b")
    assert valid("Exclusive", 0.1)
    assert not valid("Exclusive", 0)
    assert valid("Property", {"nullable": True})
    assert not valid("Property", {"nullable": 1})


def test_siblings_of_a_reference_count_in_3_1_and_not_in_3_0() -> None:
    schemas = {"A": {"type": "string"}, "B": {"$ref": "#/components/schemas/A", "maxLength": 1}}
    for version, verdict in (("3.1.0", False), ("3.0.3", True)):
        document = Document({"openapi": version, "paths": {}, "components": {"schemas": schemas}})
        assert Schemas(document).validator("/components/schemas/B").is_valid("long") is verdict


def test_operations_are_read_with_their_ids_parameters_and_media_types(document: Document) -> None:
    found = {operation.id: operation for operation in operations(document)}
    assert list(found) == [
        *("listChatCompletions", "createChatCompletion", "getChatCompletion", "updateChatCompletion"),
        *("deleteChatCompletion", "getChatCompletionMessages", "createCompletion", "createEmbedding"),
        *("listModels", "retrieveModel", "createResponse"),
    ]
    chat = found["createChatCompletion"]
    assert (chat.method, chat.path, chat.tag, chat.request_required) == ("post", "/chat/completions", "Chat", True)
    assert list(chat.request) == ["application/json"]
    assert chat.response_schema(200, "text/event-stream")
    assert chat.response_schema(404, "application/json")
    assert chat.response_schema(418, "application/json") is None
    assert [parameter.name for parameter in found["retrieveModel"].parameters] == ["model"]


def test_every_operation_of_another_document_can_be_viewed_but_those_with_a_query_in_their_path(
    foreign_document: Document,
) -> None:
    found = operations(foreign_document)
    view = routing_view(foreign_document, found)
    count = sum(len(methods) for methods in view["paths"].values())
    assert count == len(found) in (13, 110, 281)
    schemas = Schemas(foreign_document)
    compiled = [schemas.validator(body.schema) for o in found for body in o.request.values() if body.schema]
    assert len(compiled) >= len(found) / 4


def test_an_operation_id_may_stand_only_once() -> None:
    operation = {"operationId": "same", "responses": {}}
    with pytest.raises(ConfigurationError, match="same"):
        operations(make({"/a": {"get": operation}, "/b": {"get": operation}}))


def test_extensions_stand_anywhere_and_mean_nothing() -> None:
    responses = {"x-note": "text", "200": {"description": "x", "x-more": 1}}
    (operation,) = operations(make({"x-paths": "text", "/a": {"x-item": 1, "get": {"responses": responses}}}))
    assert list(operation.responses) == ["200"]


def test_a_parameter_without_a_name_or_a_place_is_told() -> None:
    for parameter in ({"in": "query"}, {"name": "a"}):
        with pytest.raises(ConfigurationError, match="/paths/~1a/get/parameters/0 lacks its name"):
            operations(make({"/a": {"get": {"parameters": [parameter]}}}))


def test_a_reference_to_nowhere_is_told() -> None:
    with pytest.raises(ConfigurationError, match="points to nothing"):
        operations(make({"/a": {"post": {"requestBody": {"$ref": "#/components/none"}}}}))


def test_a_handler_is_found_by_tag_and_operation_id(document: Document) -> None:
    handlers = {o.id: Handlers(["app.handlers"]).find(o) for o in operations(document)}
    assert [handler.__name__ for handler in handlers.values() if handler] == [
        "list_chat_completions",
        "create_chat_completion",
        "get_chat_completion",
        "update_chat_completion",
        "delete_chat_completion",
        "get_chat_completion_messages",
        "create_completion",
        "create_embedding",
        "list_models",
        "retrieve_model",
        "create_response",
    ]
    (unknown,) = operations(make({"/a": {"get": {"tags": ["Fine-tuning"], "operationId": "list-jobs"}}}))
    assert Handlers(["app.handlers"]).find(unknown) is None


def test_methods_of_a_path_are_known_also_below_parameters() -> None:
    document = make(
        {
            "/a": {"get": {"operationId": "a"}, "post": {"operationId": "b"}},
            "/m/{id}": {"delete": {"operationId": "c"}},
            "/m/{id}/x": {"put": {"operationId": "d"}},
        },
        servers=[{"url": "/v1"}],
    )
    paths = Paths(operations(document))
    assert paths.methods("/v1/a") == ["GET", "HEAD", "POST"]
    assert paths.methods("/v1/m/org/name") == ["DELETE"]
    assert paths.methods("/v1/m/1/x") == ["DELETE", "PUT"]
    assert paths.methods("/a") == []


@pytest.mark.parametrize(
    ("schema", "takes_rest"),
    [
        ({}, True),
        ({"pattern": ".*"}, True),
        ({"pattern": "^[a-z]+/[a-z]+$"}, True),
        ({"pattern": "^[^ ]+$"}, True),
        ({"pattern": "^[+-9]+$"}, True),  # the slash is between the two
        ({"pattern": "^[z-a]+$"}, True),  # no pattern at all
        ({"pattern": "[a-z]+"}, True),
        ({"pattern": "^[A-Za-z0-9._@-]+$"}, False),
        ({"pattern": "^[a-z]{1,64}$"}, False),
        ({"pattern": "^[a-z]*$"}, False),
        ({"$ref": "#/components/schemas/Name"}, False),
    ],
)
def test_a_parameter_at_the_end_takes_slashes_unless_its_pattern_allows_none(schema: Any, takes_rest: bool) -> None:
    parameter = {"name": "id", "in": "path", "required": True, "schema": schema}
    document = make(
        {
            "/m/{id}": {"parameters": [parameter], "patch": {"operationId": "a"}},
            "/m/{id}/x": {"parameters": [parameter], "put": {"operationId": "b"}},
        },
        components={"schemas": {"Name": {"type": "string", "pattern": "^[a-z]+$"}}},
    )
    found = operations(document)
    assert [operation.takes_rest for operation in found] == [takes_rest, False]
    paths = Paths(found)
    assert paths.methods("/m/1") == ["PATCH"]
    assert paths.methods("/m/org/name") == (["PATCH"] if takes_rest else [])
    assert paths.methods("/m/1/x") == (["PATCH", "PUT"] if takes_rest else ["PUT"])
    routed = [operation for path in routing_view(document, found)["paths"].values() for operation in path.values()]
    formats = [operation["parameters"][0]["schema"].get("format") for operation in routed]
    assert formats.count("path") == int(takes_rest)
