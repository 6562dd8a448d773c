"""A key that may use some models only: what it sees and what it gets, in the whole application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access import access
from app.configuration.served import engine_of
from app.settings import Settings
from app.store import keys
from app.store.address import address_of
from app.store.migrating import upgrade
from app.wiring import wire

_MODELS = """
[models.small]
engine = "echo"
aliases = ["little"]

[models.big]
engine = "echo"
aliases = ["gpt-4o"]
fallbacks = ["small"]

[models."org/other"]
engine = "echo"
"""

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


class Server:
    """The application, and the secrets of its keys by their names."""

    def __init__(self, folder: Path) -> None:
        config = folder / "models.toml"
        config.write_text(_MODELS)
        settings = Settings(state_dir=folder, config=config)
        upgrade(address_of(settings))
        self._access = access(settings)
        assert self._access.store is not None
        self._store = self._access.store
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(wire(settings, built=engine_of(settings), keys=self._access)),
            base_url="http://localhost/v1",
        )
        self._loop = asyncio.new_event_loop()
        self.keys: dict[str, str] = {}

    def create(self, name: str, models: list[str] | None) -> None:
        made = self._loop.run_until_complete(keys.create_key(self._store.database, "a", name, models=models))
        self.keys[name] = made.secret

    def send(self, key: str, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.keys.get(key, key)}"}
        return self._loop.run_until_complete(self._client.request(method, path, json=body, headers=headers))

    def close(self) -> None:
        self._loop.run_until_complete(self._store.close())
        self._loop.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.create("all", None)
    made.create("some", ["small", "org/other"])
    made.create("none", [])
    yield made
    made.close()


def error(answer: httpx.Response) -> tuple[int, str, str]:
    found = answer.json()["error"]
    return answer.status_code, found["code"], found["param"]


def test_only_the_models_that_a_key_may_use_are_listed(server: Server) -> None:
    def listed(key: str) -> list[str]:
        return [model["id"] for model in server.send(key, "GET", "/models").json()["data"]]

    assert listed("all") == ["small", "little", "big", "gpt-4o", "org/other"]
    assert listed("some") == ["small", "little", "org/other"]
    assert listed("none") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", HELLO),
        ("/completions", {"prompt": "Hello"}),
        ("/embeddings", {"input": "Hello"}),
        ("/responses", {"input": "Hello"}),
    ],
)
def test_another_model_is_refused_by_each_operation_by_id_and_by_alias(
    path: str, body: dict[str, Any], server: Server
) -> None:
    for name in ("big", "gpt-4o"):
        for stream in (False, True) if path != "/embeddings" else (False,):
            asked = {**body, "model": name, **({"stream": True} if stream else {})}
            answer = server.send("some", "POST", path, asked)
            assert error(answer) == (403, "model_not_allowed", "model")
            assert server.send("all", "POST", path, asked).status_code != 403


def test_a_model_that_a_key_may_use_answers_by_each_of_its_names(server: Server) -> None:
    for name in ("small", "little", "org/other"):
        assert server.send("some", "POST", "/chat/completions", {**HELLO, "model": name}).status_code == 200


def test_one_model_is_shown_refused_or_unknown(server: Server) -> None:
    assert server.send("some", "GET", "/models/little").status_code == 200
    assert error(server.send("some", "GET", "/models/gpt-4o")) == (403, "model_not_allowed", "model")
    assert error(server.send("some", "GET", "/models/nothing")) == (404, "model_not_found", "model")


def test_an_unknown_model_does_not_make_the_others_known(server: Server) -> None:
    for method, path, body in (
        ("GET", "/models/nothing", None),
        ("POST", "/chat/completions", {**HELLO, "model": "nothing"}),
        ("POST", "/responses", {"input": "Hello", "model": "nothing"}),
    ):
        message = server.send("some", method, path, body).json()["error"]["message"]
        assert "'small', 'little', 'org/other'" in message
        assert "big" not in message
    assert "big" in server.send("all", "GET", "/models/nothing").json()["error"]["message"]


def test_wrong_keys_are_told_apart_from_nothing(server: Server) -> None:
    answers = [server.send(key, "GET", "/models") for key in ("sk-parley-wrong", "x' OR '1'='1", "%", "some")]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers[:3]} == {
        (401, "invalid_api_key")
    }
    assert len({answer.json()["error"]["message"] for answer in answers[:3]}) == 1
    assert answers[3].status_code == 200
