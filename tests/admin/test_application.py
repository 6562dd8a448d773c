"""The operators' application: who may use it, what settings do not change, and what texts cannot do."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from app.admin.application import operators_application
from app.admin.beside import Beside
from app.admin.keys import create_key, revoke_key
from app.errors import ConfigurationError
from app.settings import Settings
from app.store.address import Address, address_of
from app.store.database import Database
from app.store.migrating import upgrade
from app.store.names import is_name
from app.store.tables import metadata
from app.wiring import build

from ..live import ROOT
from .operating import BASE, Operator, operating

PATHS = (
    ("GET", "/keys"),
    ("POST", "/keys"),
    ("GET", "/keys/a"),
    ("PATCH", "/keys/a"),
    ("POST", "/keys/a/revoke"),
    ("POST", "/keys/a/rotate"),
    ("GET", "/projects"),
    ("POST", "/projects"),
    ("GET", "/projects/a"),
    ("GET", "/limits"),
    ("GET", "/limits/key/a"),
    ("PUT", "/limits/key/a"),
    ("DELETE", "/limits/key/a"),
    ("GET", "/usage"),
    ("GET", "/usage/records"),
    ("GET", "/audit"),
)
# What is written into queries, paths, logs and pages where it should not be.
INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE keys; --",
    'a" UNION SELECT digest FROM secrets --',
    "%27%20OR%201=1",
    "a%00b",
    "\x00",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "${jndi:ldap://x}",
    "{{7*7}}",
    "../../etc/passwd",
    "a\r\nx-injected: 1",
    "<script>alert(1)</script>",
    "%",
    "_",
    "\\",
    "\U0001d54f" * 10,
    "1" * 400,
    "audit_1 OR 1=1",
    "-1",
    "1e400",
)


@pytest.fixture
def address(tmp_path: Path) -> Address:
    """These do not depend on the database."""
    found = address_of(Settings(database=f"sqlite:///{tmp_path}/test.sqlite3"))
    upgrade(found)
    return found


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_operation_wants_an_operators_key(operator: Operator, method: str, path: str) -> None:
    for key in ("", "x", operator.key[:-1], f"{operator.key}x", operator.key.upper(), "sk-test"):
        answer = operator.send(method, path, key=key, content=b"{")
        assert answer.status_code == 401, key
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == "invalid_api_key"


def test_the_paths_are_all_that_the_document_has(operator: Operator) -> None:
    document = operator.get("/openapi.json", key="")
    found = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    names = {"{name}": "a", "{project}": "a", "{kind}": "key", "{subject}": "a"}
    filled = set()
    for method, path in found:
        for name, value in names.items():
            path = path.replace(name, value)
        filled.add((method, path))
    assert filled == set(PATHS)


def test_a_revoked_operator_is_refused_from_the_next_request_on(operator: Operator, tmp_path: Path) -> None:
    other = create_key(tmp_path / "admin-keys", "oscar")
    assert operator.get("/keys", key=other)
    revoke_key(tmp_path / "admin-keys", "oscar")
    assert operator.send("GET", "/keys", key=other).status_code == 401
    assert operator.get("/keys")


def test_the_audit_log_names_the_operator_of_each_change(operator: Operator, tmp_path: Path) -> None:
    other = create_key(tmp_path / "admin-keys", "oscar")
    operator.post("/keys", {"name": "a"})
    operator.post("/keys", {"name": "b"}, key=other)
    assert [each["actor"] for each in operator.get("/audit")["data"]] == ["oscar", "olivia"]


def test_a_name_takes_no_slash_so_other_methods_of_longer_paths_are_405(operator: Operator) -> None:
    answer = operator.send("PATCH", "/keys/a/revoke", json={"models": None})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert operator.send("GET", "/keys/a/b").status_code == 404


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/v1/openapi.json", "/v1/ui/"])
def test_the_clients_paths_are_not_there(operator: Operator, path: str) -> None:
    client = operator._client
    assert operator.run(client.get(path)).status_code == 404
    assert operator.run(client.post(path)).status_code == 404


@pytest.mark.parametrize("page", ["/livez", "/healthz", "/health", f"{BASE}/openapi.json", f"{BASE}/ui/"])
def test_the_pages_are_there_without_a_key(operator: Operator, page: str) -> None:
    assert operator.run(operator._client.get(page)).status_code == 200


def test_it_is_not_ready_while_its_database_is_away(tmp_path: Path) -> None:
    away = address_of(Settings(database=f"sqlite:///{tmp_path}/none/there.sqlite3"))
    with operating(away, tmp_path) as operator:
        assert operator.run(operator._client.get("/healthz")).status_code == 503
        assert operator.run(operator._client.get("/livez")).status_code == 200
        answer = operator.send("GET", "/keys")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "store_unavailable"
        assert answer.headers["retry-after"]
        assert str(tmp_path) not in answer.text


@pytest.mark.parametrize(
    "settings",
    [
        {"mock": "all"},
        {"conventions": "document", "spec": ROOT / "tests" / "none.yaml"},
        {"reload": True},
        {"handlers": ("tests.no_such_package",)},
        {"operations": ("createKey=nothing",)},
        {"lenient": True},
        {"cors_origins": ("*",)},
        {"basic_auth": True},
    ],
)
def test_no_setting_of_what_clients_are_served_changes_it(address: Address, tmp_path: Path, settings: Any) -> None:
    with operating(address, tmp_path, **settings) as operator:
        assert operator.post("/keys", {"name": "a"})["key"]["name"] == "a"
        assert operator.refused(404, "GET", "/keys/b")["code"] == "key_not_found"
        asking = {"origin": "http://x", "access-control-request-method": "GET"}
        answer = operator.run(operator._client.options(f"{BASE}/keys", headers=asking))
        assert "access-control-allow-origin" not in answer.headers


def test_models_are_named_by_an_alias_too(address: Address, tmp_path: Path) -> None:
    file = tmp_path / "parley.toml"
    file.write_text('[models.big]\nengine = "echo"\naliases = ["large", "o/x"]\n')
    with operating(address, tmp_path, config=file, engine="llama") as operator:
        key = operator.post("/keys", {"name": "a", "models": ["large", "big", "other"]})["key"]
        assert key["models"] == ["big", "other"]
        assert operator.patch("/keys/a", {"models": ["o/x"]})["models"] == ["big"]
        assert operator.put("/limits/model/o/x", {"tokens_per_day": 1})["id"] == "model/big"
        assert operator.get("/limits/model/large")["limits"]["tokens_per_day"] == 1
        assert operator.delete("/limits/model/large")["cleared"]


def _tables(operator: Operator) -> dict[str, list[Any]]:
    async def read() -> dict[str, list[Any]]:
        async with operator.database.reading() as connection:
            return {
                table.name: list((await connection.execute(select(table))).all()) for table in metadata.sorted_tables
            }

    found: dict[str, list[Any]] = operator.run(read())
    return found


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_in_a_parameter_does_more_than_name_something(operator: Operator, text: str) -> None:
    operator.post("/keys", {"name": "a"})
    before = _tables(operator)
    quoted = quote(text, safe="")
    for path in ("/keys", "/projects", "/limits", "/usage/records", "/audit"):
        for name in ("after", "project", "key", "model", "request_id", "actor", "action", "subject", "kind", "limit"):
            answer = operator.send("GET", f"{path}?{name}={quoted}")
            assert answer.status_code in (200, 400), (path, name)
            assert "x-injected" not in answer.headers
    for name in ("by", "since", "until", "key", "project", "model"):
        assert operator.send("GET", f"/usage?{name}={quoted}").status_code in (200, 400), name
    for method, path in PATHS:
        if path.endswith(("/a", "/revoke", "/rotate")):
            answer = operator.send(method, path.replace("/a", f"/{quoted}"), json={"models": ["m"]})
            # 405: with a slash it is another path.
            assert answer.status_code in (200, 400, 404, 405), (method, path)
    if is_name(text):
        return
    for body in ({"name": text}, {"name": "n", "project": text}):
        assert operator.send("POST", "/keys", json=body).status_code == 400
    assert operator.send("POST", "/projects", json={"name": text}).status_code == 400
    assert _tables(operator) == before


def test_a_text_that_names_a_model_is_stored_as_it_is(operator: Operator) -> None:
    text = "'; DROP TABLE keys; --"
    key = operator.post("/keys", {"name": "a", "models": [text]})["key"]
    assert key["models"] == [text]
    assert operator.get("/keys/a")["models"] == [text]


def test_an_error_never_has_the_value_that_was_sent(operator: Operator) -> None:
    for method, path, body in (
        ("POST", "/keys", {"name": "sk-secret value"}),
        ("POST", "/keys", {"name": "a", "expires_at": "sk-secret value"}),
        ("GET", "/keys?limit=sk-secret", None),
        ("GET", "/usage?since=sk-secret", None),
        ("GET", "/keys/sk-secret%20value", None),
        ("PUT", "/limits/sk-secret/x", {}),
    ):
        options: dict[str, Any] = {} if body is None else {"json": body}
        answer = operator.send(method, path, **options)
        assert answer.status_code == 400
        assert "sk-secret" not in answer.text


def test_the_application_of_clients_is_alone_until_there_is_an_address(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"engine": "echo", "api_keys": ("sk-test",), "state_dir": tmp_path}
    assert not isinstance(build(Settings(**settings)), Beside)
    with pytest.raises(ConfigurationError, match="no database, which the operators' API needs"):
        build(Settings(**settings, admin_bind="127.0.0.1:8081"))
    upgrade(address_of(Settings(**settings)))
    assert isinstance(build(Settings(**settings, admin_bind="127.0.0.1:8081")), Beside)


def test_its_answers_fit_its_document_and_no_handler_is_missing(address: Address, tmp_path: Path) -> None:
    app = operators_application(Settings(engine="echo", state_dir=tmp_path), Database(address))
    views = [view for view in app.app.view_functions.values() if hasattr(view, "handler")]
    assert len(views) == len(PATHS)
    assert {view.handler.__module__.rpartition(".")[0] for view in views} == {"app.admin.handlers"}
