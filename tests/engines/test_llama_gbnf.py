"""llama.cpp takes the grammars of ours in its own language, and noise that they bind obeys their schemas."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from app.engines.constraints.gbnf.grammar import grammar_of
from app.engines.constraints.schema import Schema
from app.jsontypes import Json
from app.model_process.child import ChildOptions
from app.model_process.supervisor import Supervision
from tests.models import zoo

from ..patience import PATIENCE, wait_until
from .conftest import supervised
from .constraints.gbnf_schemas import TABLE

pytestmark = pytest.mark.live

# Of its kind of vocabulary the one that LLGuidance cannot bind.
_MODEL = "microsoft-Phi-3.5-mini-instruct"
_TOKENS = 600


@pytest.fixture(scope="module")
def phi() -> Iterator[Supervision]:
    """A model of random weights, which says anything that it may."""
    try:
        path = zoo.build(_MODEL)
    except zoo.Unavailable as reason:
        pytest.skip(str(reason))
    with supervised(ChildOptions(model=str(path), context_length=2048, slots=1, threads=1)) as running:
        wait_until(lambda: _ask(running, "GET", "/health")[0] == 200, "the model is not loaded")
        yield running


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


def _ask(process: Supervision, method: str, path: str, body: Json | None = None) -> tuple[int, Any]:
    connection = _Connection(process.socket)
    headers = {"authorization": f"Bearer {process.key}", "content-type": "application/json"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except OSError:
        return 0, None
    finally:
        connection.close()


@pytest.mark.parametrize(
    "index", range(0, len(TABLE), 6), ids=lambda index: f"{index}-{json.dumps(TABLE[index][0])[:60]}"
)
def test_noise_obeys_the_schema_that_its_grammar_is_of(phi: Supervision, index: int) -> None:
    schema = Schema(TABLE[index][0], "s")
    grammar = grammar_of(schema.body)
    for seed in range(2):
        body = {"prompt": "a", "grammar": grammar, "max_tokens": _TOKENS, "temperature": 1, "seed": seed}
        status, answer = _ask(phi, "POST", "/v1/completions", body)
        assert status == 200, answer
        (choice,) = answer["choices"]
        if choice["finish_reason"] == "stop":
            assert schema.fits(choice["text"]), choice["text"]
