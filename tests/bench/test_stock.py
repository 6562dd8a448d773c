"""The bench's stock Connexion application stands on our contract in its 3.0 form."""

from __future__ import annotations

from typing import Any

import pytest

from bench import server, stock

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
