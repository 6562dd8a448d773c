"""The bench's stock Connexion application stands on our contract in its 3.0 form."""

from __future__ import annotations

from typing import Any

import pytest

from app.contract.document import Document
from bench import server, stock
from bench.downgrade import downgrade, schema

MESSAGE = {"role": "user", "content": "Hello!"}


@pytest.fixture(scope="module")
def client() -> Any:
    with stock.create_app().test_client() as client:
        yield client


def post(client: Any, body: Any, key: str = server.KEY) -> int:
    response = client.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"})
    return int(response.status_code)


def test_stock_connexion_answers_a_request_that_fits_the_contract(client: Any) -> None:
    assert post(client, {"model": "parley-echo", "messages": [MESSAGE], "temperature": None, "stop": ["a"]}) == 200


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [MESSAGE]},
        {"model": "parley-echo", "messages": []},
        {"model": "parley-echo", "messages": [{"role": "nobody", "content": "Hello!"}]},
        {"model": "parley-echo", "messages": [MESSAGE], "temperature": 3},
        {"model": "parley-echo", "messages": [MESSAGE], "unknown": 1},
    ],
)
def test_stock_connexion_refuses_a_request_that_breaks_the_contract(client: Any, body: Any) -> None:
    assert post(client, body) == 400


def test_stock_connexion_refuses_another_key(client: Any) -> None:
    assert post(client, {"model": "parley-echo", "messages": [MESSAGE]}, key="another") == 401


def test_the_document_itself_stays_as_it_is() -> None:
    document = Document.load(server.ROOT / "openapi" / "openapi.yaml")
    converted = downgrade(document.content)
    assert converted["openapi"] == "3.0.3"
    assert document.content == Document.load(server.ROOT / "openapi" / "openapi.yaml").content


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer", "nullable": True}),
        ({"$ref": "#/components/schemas/A", "description": "a"}, {"$ref": "#/components/schemas/A"}),
        ({"properties": {"examples": {"type": "string"}}}, {"properties": {"examples": {"type": "string"}}}),
    ],
)
def test_a_schema_is_said_in_the_words_of_3_0(newer: Any, older: Any) -> None:
    assert schema(newer) == older
