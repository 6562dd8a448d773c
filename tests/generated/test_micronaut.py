"""The Micronaut server that openapi-generator makes, built by Maven and asked what Parley is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..live import KEY, Server, free_port
from ..openapi import component_accepts
from .comparing import Row, answer, compare, table
from .generating import generate, needs, put
from .maven import package
from .pages import hold, options
from .requests import requests
from .serving import serving

pytestmark = [pytest.mark.live, pytest.mark.clients]

GENERATOR = "java-micronaut-server"
SOURCES = Path(__file__).parent / "micronaut"


@pytest.fixture(scope="module")
def project() -> Path:
    """What the generator makes, with a controller of ours."""
    needs("java", "javac", "mvn")
    folder = generate(GENERATOR, options(GENERATOR), name="micronaut")
    put(SOURCES, folder)
    return folder


@pytest.fixture(scope="module")
def micronaut(project: Path) -> Iterator[str]:
    """The address of the generated server, whose controller gives one answer to all that reaches it."""
    jar = package(project, "mvn package", "target/openapi-micronaut-1.0.0.jar")
    port = free_port()
    env = {"MICRONAUT_SERVER_HOST": "127.0.0.1", "MICRONAUT_SERVER_PORT": str(port), "API_KEY": KEY}
    with serving(["java", "-jar", str(jar)], project, port, env):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="module")
def rows(micronaut: str, llama_server: Server) -> list[Row]:
    """What became of the same requests here and there."""
    return compare((micronaut, KEY), (llama_server.base, llama_server.key), requests())


def test_a_generated_micronaut_server_gives_answers_that_the_contract_allows(micronaut: str) -> None:
    given = answer(micronaut, KEY, requests()[0])
    assert given.status == 200
    assert component_accepts("CreateChatCompletionResponse", json.loads(given.body))


def test_a_generated_micronaut_server_asks_for_the_key_as_parley_does(rows: list[Row]) -> None:
    asked = [row for row in rows if row.request.kind == "no key"]
    assert asked
    assert [(row.theirs, row.ours) for row in asked] == [(401, 401)] * len(asked)


def test_where_a_generated_micronaut_server_and_parley_differ_parley_is_stricter(rows: list[Row]) -> None:
    for row in rows:
        assert not row.differs or row.stricter, f"{row.request.name}: {row.theirs}, {row.ours}"
    hold("micronaut", table(rows, "Micronaut"))
