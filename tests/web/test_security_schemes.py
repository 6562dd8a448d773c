"""A document is secured by its own schemes: what each of them takes for a key, and what is refused at the start."""

import base64
import logging
from pathlib import Path
from typing import Any

import pytest

from app.errors import ConfigurationError

from .inprocess import BEARER, KEY, application, error, openapi

SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "Bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "auth": {"type": "apiKey", "in": "header", "name": "Authorization"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
    "oauth": {"type": "oauth2", "flows": {"implicit": {"authorizationUrl": "https://a.b", "scopes": {"read": "r"}}}},
    "openid": {"type": "openIdConnect", "openIdConnectUrl": "https://a.b/.well-known"},
    "mutual": {"type": "mutualTLS"},
    "digest": {"type": "http", "scheme": "digest"},
}


def secured(requirements: Any, schemes: Any = None) -> dict[str, Any]:
    operation = {"operationId": "a", "responses": {"200": {"description": "x"}}, "security": requirements}
    return openapi({"/a": {"get": operation}}, components={"securitySchemes": schemes or SCHEMES}, security=[])


def basic(password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}


SHOWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bearer": ({"headers": BEARER}, {"headers": {"authorization": "Bearer no"}}),
    "basic": ({"headers": basic(KEY)}, {"headers": basic("no")}),
    "header": ({"headers": {"x-api-key": KEY}}, {"headers": {"x-api-key": "no"}}),
    "auth": ({"headers": {"authorization": KEY}}, {"headers": {"authorization": "no"}}),
    "query": ({"params": {"key": KEY}}, {"params": {"key": "no"}}),
    "cookie": ({"headers": {"cookie": f"a=b; session={KEY}"}}, {"headers": {"cookie": "session=no"}}),
    "oauth": ({"headers": BEARER}, {"headers": {"authorization": "Bearer no"}}),
    "openid": ({"headers": BEARER}, {"headers": {"authorization": "Bearer no"}}),
}


@pytest.mark.parametrize("scheme", SHOWN)
def test_a_scheme_is_opened_by_a_key_of_the_server_and_by_nothing_else(scheme: str, tmp_path: Path) -> None:
    right, wrong = SHOWN[scheme]
    with application(secured([{scheme: ["read"]}]), tmp_path, basic_auth=True) as client:
        assert error(client.get("/a", **right), 501)["code"] == "not_implemented"
        for options in (wrong, {}):
            refused = client.get("/a", **options)
            assert error(refused, 401)["type"] == "invalid_request_error"
            assert refused.headers["www-authenticate"]
        for other, (shown, _) in SHOWN.items():
            if other not in (scheme, "auth") and shown != right and scheme != "auth":
                assert client.get("/a", **shown).status_code == 401, other


def test_any_of_several_ways_is_enough_and_all_parts_of_one_are_needed(tmp_path: Path) -> None:
    both: dict[str, Any] = {"header": [], "query": []}
    with application(secured([both, {"cookie": []}]), tmp_path) as client:
        header, query = {"x-api-key": KEY}, {"key": KEY}
        assert client.get("/a", headers=header, params=query).status_code == 501
        assert client.get("/a", headers={"cookie": f"session={KEY}"}).status_code == 501
        assert client.get("/a", headers=header).status_code == 401
        assert client.get("/a", params=query).status_code == 401
        assert client.get("/a", headers=header, params={"key": "no"}).status_code == 401


def test_where_a_key_is_optional_none_is_needed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with application(secured([{}, {"bearer": []}]), tmp_path) as client:
        assert client.get("/a").status_code == 501
        assert client.get("/a", headers=BEARER).status_code == 501
        lines = [record.getMessage() for record in caplog.records if record.name == "parley.requests"]
        assert "key=" not in lines[0]
        assert "key=" in lines[1]  # who shows one is known by it
    assert "no key for these operations: a" in caplog.text


def test_a_key_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with application(secured([{"header": []}]), tmp_path) as client:
        answer = client.get("/a", headers=[("x-api-key", KEY), ("x-api-key", KEY)])
        assert "more than once" in error(answer, 401)["message"]
    with application(secured([{"query": []}]), tmp_path) as client:
        assert client.get(f"/a?key={KEY}&key={KEY}").status_code == 401


@pytest.mark.parametrize("scheme", ["basic", "mutual", "digest"])
def test_an_operation_that_only_an_unknown_scheme_opens_ends_the_start(scheme: str, tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match=f"operation a can only be accessed by .*{scheme}"[:45]),
        application(secured([{scheme: []}]), tmp_path),
    ):
        pass


def test_a_way_in_that_is_not_kept_is_left_out_beside_one_that_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with application(secured([{"basic": []}, {"bearer": []}]), tmp_path) as client:
        assert client.get("/a", headers=basic(KEY)).status_code == 401
        assert client.get("/a", headers=BEARER).status_code == 501
    assert "basic" in caplog.text


def test_what_is_not_enforced_is_said_at_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with application(secured([{"oauth": ["read"]}]), tmp_path):
        assert "scopes against nothing" in caplog.text


def test_a_scheme_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"), application(secured([{"nowhere": []}]), tmp_path):
        pass


def test_a_document_cannot_name_functions_that_check_keys(tmp_path: Path) -> None:
    schemes: dict[str, Any] = {
        "bearer": {"type": "http", "scheme": "bearer", "x-bearerInfoFunc": "os.getenv"},
        "key": {"type": "apiKey", "in": "header", "name": "k", "x-apikeyInfoFunc": "os.getenv"},
        "oauth": {**SCHEMES["oauth"], "x-tokenInfoUrl": "http://127.0.0.1:1/", "x-tokenInfoFunc": "os.getenv"},
    }
    with application(secured([{name: []} for name in schemes], schemes), tmp_path) as client:
        assert client.get("/a", headers={"authorization": "Bearer PATH", "k": "PATH"}).status_code == 401
