"""Every operation of the operators' API, on SQLite and on PostgreSQL."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import Any

import pytest

from .operating import Operator

NO_LIMITS = dict.fromkeys(
    (
        *("requests_per_minute", "tokens_per_minute", "tokens_per_day"),
        *("concurrent_requests", "tokens_per_month", "money_per_month"),
    )
)
FAR = 1 << 35


def changes(operator: Operator) -> list[tuple[str, str, str]]:
    """The audit log: actor, action and subject, the oldest first."""
    entries = operator.get("/audit", params={"limit": 100})["data"]
    return [(each["actor"], each["action"], each["subject"]) for each in reversed(entries)]


# -- keys --------------------------------------------------------------------------------------------------------


def test_a_key_is_created_with_a_secret_that_is_shown_once(operator: Operator) -> None:
    answer = operator.send("POST", "/keys", json={"name": "alice"})
    made = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert made["object"] == "key.secret"
    assert made["secret"].startswith("sk-parley-")
    key = made["key"]
    assert key == {
        "object": "key",
        "name": "alice",
        "project": "default",
        "status": "active",
        "models": None,
        "created_at": key["created_at"],
        "expires_at": None,
        "revoked_at": None,
        "limits": NO_LIMITS,
        "secrets": [{"prefix": made["secret"][:16], "created_at": key["created_at"], "expires_at": None}],
    }
    assert abs(key["created_at"] - time.time()) < 3600
    assert operator.get("/keys/alice") == key
    everything = operator.send("GET", "/keys").text + operator.send("GET", "/audit").text
    assert made["secret"] not in everything
    assert sha256(made["secret"].encode()).hexdigest() not in everything
    assert changes(operator) == [("olivia", "keys.create", "alice")]


def test_a_key_is_created_with_all_that_it_may_have(operator: Operator) -> None:
    limits = {"requests_per_minute": 60, "tokens_per_day": 1000.0, "money_per_month": 12.5}
    body = {"name": "b@x", "project": "new", "models": ["m", "o/n", "m2"], "expires_at": FAR, "limits": limits}
    key = operator.post("/keys", body)["key"]
    assert (key["project"], key["models"], key["expires_at"]) == ("new", ["m", "o/n", "m2"], FAR)
    assert key["limits"] == NO_LIMITS | {"requests_per_minute": 60, "tokens_per_day": 1000, "money_per_month": 12.5}
    assert changes(operator) == [
        ("olivia", "projects.create", "new"),
        ("olivia", "keys.create", "b@x"),
        ("olivia", "limits.set", "key b@x"),
    ]


@pytest.mark.parametrize("name", ["project", "models", "expires_at", "limits"])
def test_null_means_the_same_as_absence_when_a_key_is_created(operator: Operator, name: str) -> None:
    key = operator.post("/keys", {"name": "alice", name: None})["key"]
    assert (key["project"], key["models"], key["expires_at"], key["limits"]) == ("default", None, None, NO_LIMITS)


def test_a_key_without_models_may_use_none(operator: Operator) -> None:
    assert operator.post("/keys", {"name": "alice", "models": []})["key"]["models"] == []


def test_a_second_key_of_a_name_is_refused_and_not_in_the_audit_log(operator: Operator) -> None:
    operator.post("/keys", {"name": "alice"})
    error = operator.refused(409, "POST", "/keys", json={"name": "alice", "project": "another"})
    assert (error["code"], error["param"]) == ("key_exists", "name")
    assert changes(operator) == [("olivia", "keys.create", "alice")]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a" * 65}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "é"}, "name"),
        ({"name": "12345678"}, "name"),
        ({"name": "a", "project": "a/b"}, "project"),
        ({"name": "a", "models": ["m", "m"]}, "models"),
        ({"name": "a", "models": [""]}, "models[0]"),
        ({"name": "a", "models": ["a\u0000b"]}, "models"),
        ({"name": "a", "expires_at": 1000}, "expires_at"),
        ({"name": "a", "expires_at": 1 << 60}, "expires_at"),
        ({"name": "a", "limits": {"requests_per_minute": -1}}, "limits.requests_per_minute"),
        ({"name": "a", "limits": {"requests_per_minute": 1.5}}, "limits.requests_per_minute"),
        ({"name": "a", "limits": {"money_per_month": 1e12}}, "limits.money_per_month"),
        ({"name": "a", "limits": {"requests": 1}}, "limits.requests"),
        ({"name": "a", "key": "sk-mine"}, "key"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_the_name_of_the_parameter(
    operator: Operator, body: Any, param: str
) -> None:
    assert operator.refused(400, "POST", "/keys", json=body)["param"] == param
    assert operator.get("/keys")["data"] == []
    assert changes(operator) == []


def test_keys_are_listed_in_pages_by_name_and_by_project(operator: Operator) -> None:
    for name in ("d", "a", "c", "b", "e"):
        operator.post("/keys", {"name": name, "project": "odd" if name in "ace" else "even"})
    pages, after = [], None
    while True:
        found = operator.get("/keys", params={"limit": 2, **({"after": after} if after else {})})
        pages.append([key["name"] for key in found["data"]])
        after = found["last_id"]
        if not found["has_more"]:
            break
    assert pages == [["a", "b"], ["c", "d"], ["e"]]
    assert operator.get("/keys", params={"after": "e"}) == {
        "object": "list",
        "data": [],
        "last_id": None,
        "has_more": False,
    }
    odd = operator.get("/keys", params={"project": "odd", "limit": 3})
    assert ([key["name"] for key in odd["data"]], odd["has_more"]) == (["a", "c", "e"], False)
    assert operator.get("/keys", params={"project": "none"})["data"] == []


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"project": "a b"}, {"unknown": "x"}])
def test_a_page_that_cannot_be_is_refused(operator: Operator, query: Any) -> None:
    answer = operator.send("GET", "/keys", params=query)
    # Parameters that the document does not have mean nothing to it.
    assert answer.status_code == (200 if "unknown" in query else 400)


def test_a_change_leaves_what_it_does_not_name(operator: Operator) -> None:
    first = operator.post(
        "/keys",
        {"name": "a", "models": ["m"], "expires_at": FAR, "limits": {"tokens_per_day": 5, "money_per_month": 1}},
    )["key"]
    assert operator.patch("/keys/a", {"limits": {"tokens_per_day": None}}) == first | {
        "limits": NO_LIMITS | {"money_per_month": 1}
    }
    assert operator.patch("/keys/a", {"models": None})["models"] is None
    assert operator.patch("/keys/a", {"models": ["n"]})["models"] == ["n"]
    assert operator.patch("/keys/a", {"expires_at": None})["expires_at"] is None
    last = operator.patch("/keys/a", {"project": "moved", "expires_at": FAR + 1})
    assert (last["project"], last["models"], last["expires_at"]) == ("moved", ["n"], FAR + 1)
    assert [change[1:] for change in changes(operator)[2:]] == [
        ("limits.set", "key a"),
        ("keys.change", "a"),
        ("keys.change", "a"),
        ("keys.change", "a"),
        ("projects.create", "moved"),
        ("keys.change", "a"),
    ]
    assert operator.get("/audit", params={"limit": 1})["data"][0]["detail"] == {
        "project": "moved",
        "expires_at": FAR + 1,
    }


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"name": "b"}, "name"),
        ({"project": None}, "project"),
        ({"limits": None}, "limits"),
        ({"expires_at": 1000}, "expires_at"),
        ({"models": ["\u0085"]}, "models"),
        ({"models": ["m"], "limits": {"tokens_per_day": -1}}, "limits.tokens_per_day"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(operator: Operator, body: Any, param: str | None) -> None:
    key = operator.post("/keys", {"name": "a"})["key"]
    assert operator.refused(400, "PATCH", "/keys/a", json=body)["param"] == param
    assert operator.get("/keys/a") == key
    assert len(changes(operator)) == 1


def test_a_revoked_key_stays_and_is_neither_changed_nor_rotated(operator: Operator) -> None:
    operator.post("/keys", {"name": "a"})
    revoked = operator.post("/keys/a/revoke")
    assert revoked["status"] == "revoked"
    assert abs(revoked["revoked_at"] - time.time()) < 3600
    assert operator.post("/keys/a/revoke") == revoked
    assert operator.get("/keys/a") == revoked
    assert operator.refused(409, "PATCH", "/keys/a", json={"models": None})["code"] == "key_not_active"
    assert operator.refused(409, "POST", "/keys/a/rotate", json={})["code"] == "key_not_active"
    assert operator.refused(409, "POST", "/keys", json={"name": "a"})["code"] == "key_exists"
    assert changes(operator) == [("olivia", "keys.create", "a"), ("olivia", "keys.revoke", "a")]


def test_a_rotated_key_has_a_new_secret_and_the_old_one_as_long_as_was_asked(operator: Operator) -> None:
    first = operator.post("/keys", {"name": "a"})
    second = operator.post("/keys/a/rotate", {"grace": 3600})
    assert second["secret"] != first["secret"]
    shown = {secret["prefix"]: secret["expires_at"] for secret in second["key"]["secrets"]}
    assert shown[second["secret"][:16]] is None
    assert abs(shown[first["secret"][:16]] - time.time() - 3600) < 600
    third = operator.post("/keys/a/rotate", {"grace": None})
    assert [secret["prefix"] for secret in third["key"]["secrets"]] == [third["secret"][:16]]
    assert operator.refused(400, "POST", "/keys/a/rotate", json={"grace": -1})["param"] == "grace"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "", None), ("PATCH", "", {"models": None}), ("POST", "/revoke", None), ("POST", "/rotate", {})],
)
def test_a_key_that_is_not_there_is_404(operator: Operator, method: str, path: str, body: Any) -> None:
    options = {} if body is None else {"json": body}
    error = operator.refused(404, method, f"/keys/none{path}", **options)
    assert (error["code"], error["param"]) == ("key_not_found", "name")
    assert operator.send(method, f"/keys/a%20b{path}", **options).status_code == 400


# -- projects ----------------------------------------------------------------------------------------------------


def test_projects_are_created_once_and_listed_in_pages(operator: Operator) -> None:
    first = operator.post("/projects", {"name": "research"})
    assert first == {
        "object": "project",
        "name": "research",
        "created_at": first["created_at"],
        "limits": NO_LIMITS,
    }
    assert operator.post("/projects", {"name": "research"}) == first
    assert operator.get("/projects/research") == first
    found = operator.get("/projects", params={"limit": 1})
    assert ([each["name"] for each in found["data"]], found["has_more"]) == (["default"], True)
    found = operator.get("/projects", params={"after": found["last_id"]})
    assert (found["data"], found["has_more"]) == ([first], False)
    assert operator.refused(404, "GET", "/projects/none")["code"] == "project_not_found"
    assert changes(operator) == [("olivia", "projects.create", "research")]


# -- limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("key", "a"), ("key", "0123abcd"), ("project", "default"), ("model", "org/na me"), ("model", "é?#%25")],
)
def test_limits_are_set_read_and_removed_as_a_whole(operator: Operator, kind: str, subject: str) -> None:
    operator.post("/keys", {"name": "a"})
    path = f"/limits/{kind}/{subject.replace('%', '%25').replace('?', '%3F').replace('#', '%23')}"
    empty = {"object": "limits", "id": f"{kind}/{subject}", "kind": kind, "subject": subject, "limits": NO_LIMITS}
    assert operator.get(path) == empty
    limits = {"concurrent_requests": 0, "money_per_month": 0.000000001}
    set_ = empty | {"limits": NO_LIMITS | limits}
    assert operator.put(path, limits) == set_
    assert operator.get(path) == set_
    assert operator.get("/limits")["data"] == [set_]
    assert operator.put(path, {"tokens_per_month": 7}) == empty | {"limits": NO_LIMITS | {"tokens_per_month": 7}}
    assert operator.delete(path) == {"object": "limits.cleared", "id": f"{kind}/{subject}", "cleared": True}
    assert operator.delete(path)["cleared"] is False
    assert operator.get(path) == empty
    done = ["limits.set", "limits.set", "limits.clear"]
    assert changes(operator)[1:] == [("olivia", action, f"{kind} {subject}") for action in done]


def test_limits_of_what_is_not_there_are_refused(operator: Operator) -> None:
    assert operator.refused(404, "PUT", "/limits/key/none", json={})["code"] == "key_not_found"
    assert operator.refused(404, "PUT", "/limits/project/none", json={})["code"] == "project_not_found"
    assert operator.refused(400, "PUT", "/limits/planet/x", json={})["param"] == "kind"
    assert operator.refused(400, "PUT", "/limits/model/%00", json={"tokens_per_day": 1})["param"] == "subject"
    assert operator.refused(400, "PUT", "/limits/model/m", json={"tokens": 1})["param"] == "tokens"


def test_limits_are_listed_in_pages_by_kind_and_subject(operator: Operator) -> None:
    for subject in ("b", "a/x", "c"):
        operator.put(f"/limits/model/{subject}", {"tokens_per_day": 1})
    operator.put("/limits/project/default", {"tokens_per_day": 1})
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        found = operator.get("/limits", params={"limit": 1, **after})
        seen += [each["id"] for each in found["data"]]
        after = {"after": found["last_id"]}
        if not found["has_more"]:
            break
    assert seen == ["model/a/x", "model/b", "model/c", "project/default"]
    assert [each["id"] for each in operator.get("/limits", params={"kind": "project"})["data"]] == ["project/default"]
    assert operator.refused(400, "GET", "/limits", params={"after": "x"})["param"] == "after"


# -- usage -------------------------------------------------------------------------------------------------------


def _record(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": f"{1785542400250 + 86_400_000 * number:012x}{number:020x}",
        "request_id": f"req_{number}",
        "time": 1785542400250 + 86_400_000 * number,
        "operation": "createChatCompletion",
        "key": "a",
        "project": "default",
        "asked": "m",
        "model": "m",
        "upstream": None,
        "status": 200,
        "error": None,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "reasoning_tokens": 1,
        "cached_tokens": 2,
        "cost": 1_500_000_000,
        "first_ms": 3,
        "total_ms": 9,
        "finish_reason": "stop",
        "stream": True,
        "left": False,
        "estimated": False,
        **values,
    }


def _use(operator: Operator, *rows: dict[str, Any]) -> None:
    from sqlalchemy import insert

    from app.store.tables import usage

    async def write() -> None:
        async with operator.database.writing() as connection:
            await connection.execute(insert(usage), list(rows))

    operator.run(write())


def test_usage_is_reported_by_what_is_asked_for(operator: Operator) -> None:
    _use(operator, _record(0), _record(1, key="b", status=500, error="x"), _record(2, key=None, project=None))
    report = operator.get("/usage", params={"by": "key"})
    sums = {"prompt_tokens": 10, "completion_tokens": 5, "reasoning_tokens": 1, "cached_tokens": 2, "cost": 1.5}
    row = {"object": "usage.sum", "requests": 1, "failed": 0, "left": 0, **sums}
    groups = [row | {"group": None}, row | {"group": "a"}, row | {"group": "b", "failed": 1}]
    assert report["data"] == groups
    assert report["total"] == {
        "object": "usage.sum",
        "group": None,
        "requests": 3,
        "failed": 1,
        "left": 0,
        **{name: 3 * value for name, value in sums.items()},
    }
    of_a = operator.get("/usage", params={"key": "a", "since": "2026-07-01", "until": "2026-08-01"})
    assert (of_a["by"], of_a["since"], of_a["until"]) == ("day", "2026-07-01", "2026-08-01")
    assert [each["group"] for each in of_a["data"]] == ["2026-08-01"]
    assert operator.get("/usage", params={"until": "2026-07-31"})["data"] == []
    assert operator.get("/usage", params={"model": "\u0085"})["data"] == []


@pytest.mark.parametrize("query", [{"by": "hour"}, {"since": "today"}, {"until": "2026-02-30"}, {"key": "a b"}])
def test_a_report_that_cannot_be_is_refused(operator: Operator, query: Any) -> None:
    assert operator.refused(400, "GET", "/usage", params=query)["param"] == next(iter(query))


def test_the_records_of_requests_are_read_in_pages_the_newest_first(operator: Operator) -> None:
    _use(operator, *(_record(number, time=1785542400250) for number in range(5)))
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        found = operator.get("/usage/records", params={"limit": 2, **after})
        seen += [each["request_id"] for each in found["data"]]
        after = {"after": found["last_id"]}
        if not found["has_more"]:
            break
    assert seen == [f"req_{number}" for number in (4, 3, 2, 1, 0)]
    (one,) = operator.get("/usage/records", params={"request_id": "req_3"})["data"]
    assert one == {"object": "usage.record", **_record(3), "time": 1785542400.25, "cost": 1.5}
    assert operator.get("/usage/records", params={"key": "nobody"})["data"] == []
    assert operator.refused(400, "GET", "/usage/records", params={"after": "x-y z"})["param"] == "after"


# -- the audit log -----------------------------------------------------------------------------------------------


def test_the_audit_log_is_read_in_pages_and_by_actor_action_and_subject(operator: Operator) -> None:
    for name in ("a", "b"):
        operator.post("/keys", {"name": name})
        operator.post(f"/keys/{name}/revoke")
    first = operator.get("/audit", params={"limit": 3})
    assert [each["action"] for each in first["data"]] == ["keys.revoke", "keys.create", "keys.revoke"]
    assert first["has_more"]
    (last,) = operator.get("/audit", params={"after": first["last_id"]})["data"]
    assert last == {
        "object": "audit.entry",
        "id": last["id"],
        "time": last["time"],
        "actor": "olivia",
        "action": "keys.create",
        "subject": "a",
        "detail": {"project": "default", "models": None, "expires_at": None, "prefix": last["detail"]["prefix"]},
    }
    assert [each["subject"] for each in operator.get("/audit", params={"action": "keys.revoke"})["data"]] == ["b", "a"]
    assert len(operator.get("/audit", params={"subject": "a"})["data"]) == 2
    assert operator.get("/audit", params={"subject": "a\u0000"})["data"] == []
    assert operator.get("/audit", params={"actor": "command line"})["data"] == []
    assert operator.refused(400, "GET", "/audit", params={"after": "7"})["param"] == "after"


def test_a_change_that_fails_is_not_in_the_audit_log(operator: Operator) -> None:
    operator.post("/keys", {"name": "a"})
    operator.refused(404, "POST", "/keys/b/revoke")
    operator.refused(404, "PUT", "/limits/key/b", json={"tokens_per_day": 1})
    operator.refused(400, "POST", "/projects", json={"name": "b c"})
    assert changes(operator) == [("olivia", "keys.create", "a")]
