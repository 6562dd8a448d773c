"""Pages of other origins: those that are configured are let in, and every answer says so, failures too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..live import Answer
from .inprocess import BEARER, Client, application, openapi, served

CHAT = "/v1/chat/completions"
ORIGIN = "https://app.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}


@pytest.fixture(scope="module")
def site() -> Iterator[Client]:
    with served(cors_origins=(ORIGIN,)) as client:
        yield client


def preflight(site: Client, origin: str) -> Answer:
    return site.request("OPTIONS", CHAT, headers={"origin": origin, **PREFLIGHT})


def test_a_page_of_a_configured_origin_may_call_and_sees_what_it_needs(site: Client) -> None:
    answer = site.request("GET", "/v1/models", headers={"origin": ORIGIN, **BEARER})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert {*answer.headers["access-control-expose-headers"].split(", ")} == {"x-request-id", "retry-after"}
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/models", 401), ("GET", "/nowhere", 404), ("DELETE", CHAT, 405)]
)
def test_its_failures_can_be_read_too(site: Client, method: str, path: str, status: int) -> None:
    answer = site.request(method, path, headers={"origin": ORIGIN})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, ORIGIN)


def test_it_may_ask_beforehand_without_a_key(site: Client) -> None:
    answer = preflight(site, ORIGIN)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-max-age"] == "600"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example", "https://app.example:444", "null"])
def test_another_origin_is_refused_in_the_shape_of_all_errors(site: Client, origin: str) -> None:
    answer = preflight(site, origin)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert answer.headers["content-length"] == str(len(answer.body))
    error = json.loads(answer.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "cors_refused"
    assert "access-control-allow-origin" not in answer.headers
    told = site.request("GET", "/v1/models", headers={"origin": origin, **BEARER})
    assert (told.status, told.headers["access-control-allow-origin"]) == (200, None)


def test_without_configured_origins_nothing_is_said_of_them() -> None:
    with served() as site:
        answer = site.request("GET", "/v1/models", headers={"origin": ORIGIN, **BEARER})
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, None)
        assert preflight(site, ORIGIN).status == 405


def test_methods_of_the_document_may_be_called_too(tmp_path: Path) -> None:
    item: Any = {"additionalOperations": {"COPY": {"responses": {"200": {}}}}}
    with application(openapi({"/a": item}, "3.2.0"), tmp_path, cors_origins=(ORIGIN,)) as client:
        for method, status in (("COPY", 200), ("POST", 200), ("MOVE", 400)):
            headers = {"origin": ORIGIN, **PREFLIGHT, "access-control-request-method": method}
            assert client.send("OPTIONS", "/a", headers=headers).status_code == status
