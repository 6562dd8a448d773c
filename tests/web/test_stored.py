"""Stored completions and answers to repeat, in the whole application."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.chat import service
from app.chat.completion import completion
from app.settings import Settings
from app.store.address import address_of
from app.store.migrating import upgrade

from .inprocess import BEARER, Client, error, served

PATH = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Hello there"}]
BODY = {"model": "parley-echo", "messages": MESSAGES}
KEY = {"idempotency-key": "a-key"}


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/parley.sqlite3"
    upgrade(address_of(Settings(database=url)))
    return url


@pytest.fixture
def client(database: str, tmp_path: Path) -> Iterator[Client]:
    with served(database=database, state_dir=tmp_path) as found:
        yield found


@pytest.fixture
def without(tmp_path: Path) -> Iterator[Client]:
    with served(state_dir=tmp_path / "without") as found:
        yield found


def post(client: Client, body: Any, path: str = PATH, **headers: str) -> httpx.Response:
    return client.post(path, json=body, headers={**BEARER, **headers})


def get(client: Client, path: str = PATH, **query: str) -> httpx.Response:
    return client.get(path, params=query, headers=BEARER)


def store(client: Client, **fields: Any) -> dict[str, Any]:
    answer = post(client, {**BODY, "store": True, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_stored_completion_is_just_what_the_client_got(client: Client) -> None:
    odd: list[dict[str, Any]] = [{"metadata": {"a": "1", "metadata": '"metadata":{}'}}, {"metadata": {}}]
    for fields in ({}, {"n": 3}, *odd):
        made = store(client, **fields)
        assert get(client, f"{PATH}/{made['id']}").json() == made


def test_only_what_is_to_be_stored_is(client: Client) -> None:
    for fields in ({}, {"store": False}, {"store": None}):
        assert post(client, {**BODY, **fields}).status_code == 200
    assert get(client).json()["data"] == []


def test_a_refused_request_stores_nothing(client: Client) -> None:
    error(post(client, {**BODY, "store": True, "logit_bias": {"1": 1}}), 400)
    assert get(client).json()["data"] == []


def test_a_stream_is_stored_before_its_done(client: Client) -> None:
    answer = post(client, {**BODY, "store": True, "stream": True, "metadata": {"a": "1"}})
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    first = json.loads(events[0])
    found = get(client, f"{PATH}/{first['id']}").json()
    assert found["choices"][0]["message"]["content"] == "Hello there"
    assert found["choices"][0]["finish_reason"] == "stop"
    assert found["usage"]["total_tokens"] == 4
    assert found["metadata"] == {"a": "1"}
    assert "x_parley" not in found


def test_messages_metadata_and_deletion(client: Client) -> None:
    parts = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    path = f"{PATH}/{store(client, messages=parts)['id']}"
    messages = get(client, f"{path}/messages", limit="1", order="desc").json()
    assert messages["has_more"]
    assert [each["content_parts"] for each in messages["data"]] == [[{"type": "text", "text": "Hi"}]]
    assert post(client, {"metadata": {"a": "1"}}, path).json()["metadata"] == {"a": "1"}
    assert [each["metadata"] for each in get(client, **{"metadata[a]": "1"}).json()["data"]] == [{"a": "1"}]
    assert "metadata" not in post(client, {"metadata": None}, path).json()
    gone = client.send("DELETE", path, headers=BEARER)
    assert gone.json() == {"object": "chat.completion.deleted", "id": path.rpartition("/")[2], "deleted": True}
    for answer in (get(client, path), get(client, f"{path}/messages"), client.send("DELETE", path, headers=BEARER)):
        assert error(answer, 404)["param"] == "completion_id"
    assert error(get(client, after="chatcmpl-no"), 404)["param"] == "after"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"order": "up"}, "order"),
        ({"metadata": "a"}, "metadata"),
        ({"metadata[" + "x" * 65 + "]": "a"}, "metadata"),
    ],
)
def test_what_the_contract_does_not_allow_is_refused_by_name(client: Client, query: Any, param: str) -> None:
    assert (error(get(client, **query), 400)["param"] or "").startswith(param)


@pytest.mark.parametrize(
    "text", ["'", '"', "\\", "\0", "%", ";--", "' OR '1'='1", "$(x)", "\u2028", "../x", "x" * 4000]
)
def test_no_text_of_a_client_is_more_than_a_text(client: Client, text: str) -> None:
    made = store(client, metadata={"a": text[:512]})
    assert [each["id"] for each in get(client, **{"metadata[a]": text[:512]}).json()["data"]] == [made["id"]]
    assert get(client, **{f"metadata[{text[:64]}]": "1"}).json()["data"] == []
    assert get(client, model=text).json()["data"] == []
    error(get(client, after=text), 404)
    quoted = "".join(f"%{byte:02x}" for byte in text.encode())
    error(get(client, f"{PATH}/{quoted}"), 404)
    error(client.send("DELETE", f"{PATH}/{quoted}", headers=BEARER), 404)
    error(get(client, f"{PATH}/{made['id']}/messages", after=text), 404)
    assert get(client, f"{PATH}/{made['id']}").json() == made


def test_without_a_database_each_operation_says_what_there_is_not(without: Client) -> None:
    path = f"{PATH}/chatcmpl-1"
    answers = [get(without), get(without, path), get(without, f"{path}/messages")]
    answers += [post(without, {"metadata": {}}, path), without.send("DELETE", path, headers=BEARER)]
    for answer in answers:
        found = error(answer, 404)
        assert found["code"] == "not_found"
        assert "`parley db init`" in found["message"]
        assert "PARLEY_DATABASE" in found["message"]


def test_without_a_database_store_is_refused_or_named(without: Client, tmp_path: Path) -> None:
    found = error(post(without, {**BODY, "store": True}), 400)
    assert (found["param"], found["code"]) == ("store", "unsupported_parameter")
    assert "`parley db init`" in found["message"]
    with served(state_dir=tmp_path, unsupported="warn") as warns:
        answer = post(warns, {**BODY, "store": True})
        assert (answer.status_code, answer.headers["x-unsupported-parameters"]) == (200, "store")


def test_the_models_say_whether_completions_are_stored(client: Client, without: Client) -> None:
    def told(of: Client) -> Any:
        rows = get(of, "/v1/models/parley-echo").json()["x_parley"]["parameters"]
        (row,) = (each for each in rows if each["name"] == "store")
        return row

    assert told(client)["verdict"] == "honoured"
    assert (told(without)["verdict"], told(without)["values"]) == ("refused", ["false"])


def test_answers_that_break_the_contract_are_neither_sent_nor_stored(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = completion

    def broken(*given: Any, **more: Any) -> Any:
        return {**made(*given, **more), "created": "yesterday"}

    monkeypatch.setattr(service, "completion", broken)
    assert error(post(client, {**BODY, "store": True}, **KEY), 500)["code"] == "contract_violation"
    monkeypatch.setattr(service, "completion", made)
    assert get(client).json()["data"] == []
    # The key is free again, a moment later.
    assert _again(client, BODY).status_code == 200


def _again(client: Client, body: Any) -> httpx.Response:
    for _ in range(100):
        answer = post(client, body, **KEY)
        if answer.status_code != 409:
            break
    return answer


OPERATIONS: dict[str, dict[str, Any]] = {
    PATH: BODY,
    "/v1/completions": {"model": "parley-echo", "prompt": "Hello"},
    "/v1/responses": {"model": "parley-echo", "input": "Hello"},
}


@pytest.mark.parametrize("path", OPERATIONS)
def test_a_repetition_gets_the_answer_byte_for_byte_and_says_so(client: Client, path: str) -> None:
    first = post(client, OPERATIONS[path], path, **KEY)
    # The order of members says nothing.
    again = post(client, dict(reversed(OPERATIONS[path].items())), path, **KEY)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    other = post(client, OPERATIONS[path], path, **{"idempotency-key": "other"})
    assert other.json()["id"] != first.json()["id"]


def test_what_an_answer_says_of_parameters_is_repeated_too(database: str, tmp_path: Path) -> None:
    with served(database=database, state_dir=tmp_path, unsupported="warn") as client:
        body = {**BODY, "logit_bias": {"1": 1}, "unheard_of": 1}
        first, again = (post(client, body, **KEY) for _ in range(2))
        assert again.headers["x-unsupported-parameters"] == first.headers["x-unsupported-parameters"]
        assert "logit_bias" in again.headers["x-unsupported-parameters"]
        # A member that is left out is part of the request.
        assert error(post(client, {**BODY, "logit_bias": {"1": 1}}, **KEY), 409)["code"] == "idempotency_key_reused"


def test_another_request_with_a_key_is_refused(client: Client) -> None:
    post(client, BODY, **KEY)
    for body, path in (({**BODY, "seed": 1}, PATH), (OPERATIONS["/v1/completions"], "/v1/completions")):
        answer = post(client, body, path, **KEY)
        found = error(answer, 409)
        assert (found["code"], found["param"]) == ("idempotency_key_reused", "Idempotency-Key")
        assert answer.headers["x-should-retry"] == "false"


def test_a_failure_is_not_kept(client: Client) -> None:
    error(post(client, {**BODY, "model": "none"}, **KEY), 404)
    answer = _again(client, BODY)
    assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (200, None)


def test_an_answer_is_stored_once_however_often_it_is_repeated(client: Client) -> None:
    first, *_ = (post(client, {**BODY, "store": True}, **KEY).json() for _ in range(3))
    assert [each["id"] for each in get(client).json()["data"]] == [first["id"]]
    client.send("DELETE", f"{PATH}/{first['id']}", headers=BEARER)
    assert post(client, {**BODY, "store": True}, **KEY).json()["id"] != first["id"]


def test_a_stream_cannot_be_repeated(client: Client) -> None:
    found = error(post(client, {**BODY, "stream": True}, **KEY), 400)
    assert found["param"] == "Idempotency-Key"
    assert post(client, BODY, **KEY).status_code == 200


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\xe9"])
def test_a_key_has_1_to_255_visible_characters(client: Client, key: str) -> None:
    headers = {**BEARER, "content-type": "application/json"}
    raw = [
        *((name.encode(), value.encode()) for name, value in headers.items()),
        (b"idempotency-key", key.encode("latin-1")),
    ]
    answer = client.post(PATH, content=json.dumps(BODY), headers=raw)
    assert error(answer, 400)["param"] == "Idempotency-Key"
    assert post(client, BODY, **{"idempotency-key": "!~" * 127}).status_code == 200


def test_without_a_database_the_header_is_refused_or_named(without: Client, tmp_path: Path) -> None:
    found = error(post(without, BODY, **KEY), 400)
    assert (found["param"], found["code"]) == ("Idempotency-Key", "unsupported_parameter")
    assert "`parley db init`" in found["message"]
    with served(state_dir=tmp_path, unsupported="warn") as warns:
        for path, body in OPERATIONS.items():
            answer = post(warns, body, path, **KEY)
            assert (answer.status_code, answer.headers["x-unsupported-parameters"]) == (200, "Idempotency-Key"), path
        answer = post(warns, {**BODY, "stream": True}, **KEY)
        assert answer.headers["x-unsupported-parameters"] == "Idempotency-Key"
