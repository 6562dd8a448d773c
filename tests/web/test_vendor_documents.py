"""Documents in the manner of other vendors are served as they are: the same engine answers under their contracts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from app.documents.lint.check import check_document

from .inprocess import BEARER, KEY, Client, application, error
from .vendors import FOLDER, vendor

TWINS = ("3.0.3", "3.1.0")
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
MISTRAL = ("createChatCompletion=chat_completion_v1_chat_completions_post", "listModels=list_models_v1_models_get")
CHAT = {"model": "parley-echo", "messages": [{"role": "user", "content": "hello there"}]}


def events(answer: httpx.Response) -> list[Any]:
    """The data of a stream, without the mark at its end."""
    assert answer.status_code == 200, answer.text
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def hold(document: dict[str, Any], name: str, value: Any) -> None:
    """Hold a value against a component of a 3.1 document, by a validator that is not the server's."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


@pytest.mark.parametrize("version", [None, *TWINS])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_served_has_no_error_in_its_check(name: str, version: str | None, tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(vendor(name, version if name in ("mistral", "messages") else None)))
    report = check_document(path, lambda _operation: "501")
    assert [f for f in report.findings if f.severity == "error"] == []
    assert report.rows
    assert all(all(row.schemas) for row in report.rows)


@pytest.mark.parametrize("version", TWINS)
def test_closed_objects_events_and_generated_ids_as_mistral_has_them(version: str, tmp_path: Path) -> None:
    theirs = vendor("mistral")
    with application(vendor("mistral", version), tmp_path, operations=MISTRAL) as client:

        def ask(**fields: Any) -> httpx.Response:
            return client.post("/v1/chat/completions", json={**CHAT, **fields}, headers=BEARER)

        answer = ask()
        assert answer.status_code == 200, answer.text
        hold(theirs, "ChatCompletionResponse", answer.json())
        assert answer.json()["choices"][0]["message"] == {"role": "assistant", "content": "hello there"}
        chunks = events(ask(stream=True))
        for chunk in chunks:
            hold(theirs, "CompletionChunk", chunk)
        assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "hello there"
        models = client.get("/v1/models", headers=BEARER)
        hold(theirs, "ModelList", models.json())
        assert [model["id"] for model in models.json()["data"]] == ["parley-echo"]
        # Their defaults ask for nothing; what only they have and asks for something is refused by name.
        assert ask(safe_prompt=False, top_p=1.0, tool_choice="auto", n=None, max_tokens=None).status_code == 200
        assert error(ask(safe_prompt=True), 400)["param"] == "safe_prompt"
        assert error(ask(random_seed=3), 400)["param"] == "random_seed"
        assert error(ask(tool_choice="any"), 400)["param"] == "tool_choice"
        # Their rules.
        assert error(ask(temperature=1.6), 400)["message"].endswith("at most 1.5.")
        assert error(ask(stream_options={}), 400)["code"] == "unknown_parameter"
        assert error(ask(messages=[{"role": "developer", "content": "x"}]), 400)["param"] == "messages[0].role"
        told = error(ask(messages=[{"content": "x"}]), 400)
        assert (told["param"], told["code"]) == ("messages[0].role", "missing_required_parameter")
        # Operations without a handler.
        fim = "/v1/fim/completions"
        assert error(client.post(fim, json={}), 401)
        assert error(client.post(fim, json={}, headers=BEARER), 400)["param"] == "prompt"
        assert error(client.post(fim, json={"model": "m", "prompt": "p"}, headers=BEARER), 501)


def test_a_role_in_every_delta_and_an_optional_body_as_together_has_them(tmp_path: Path) -> None:
    operations = ("createChatCompletion=chat-completions",)
    with application(vendor("together"), tmp_path, operations=operations) as client:

        def ask(**fields: Any) -> httpx.Response:
            return client.post("/v1/chat/completions", json={**CHAT, **fields}, headers=BEARER)

        assert ask().json()["choices"][0]["message"]["content"] == "hello there"
        chunks = events(ask(stream=True))
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        assert len(deltas) >= 3
        assert all(delta["role"] == "assistant" for delta in deltas)
        assert "".join(delta.get("content") or "" for delta in deltas) == "hello there"
        assert ask(context_length_exceeded_behavior="error", seed=42).status_code == 200
        for name, value in (("repetition_penalty", 1.1), ("safety_model", "x"), ("logprobs", 1), ("n", 0)):
            assert error(ask(**{name: value}), 400)["param"] == name
        assert error(client.post("/v1/chat/completions", headers=BEARER), 400)["code"] == "missing_body"
    with application(vendor("together"), tmp_path, mock="all") as client:
        chunks = events(client.post("/v1/chat/completions", json={**CHAT, "stream": True}, headers=BEARER))
        assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
        models = client.get("/v1/models", headers=BEARER)
        assert models.json()[0]["id"] == "org/chat-7b"


@pytest.mark.parametrize("version", TWINS)
def test_a_key_and_versions_in_headers_and_named_events_as_anthropic_has_them(version: str, tmp_path: Path) -> None:
    body = {"model": "one", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    with application(vendor("messages", version), tmp_path, mock="all") as client:

        def ask(content: Any = "hi", sent: Any = headers, **fields: Any) -> httpx.Response:
            messages = [{"role": "user", "content": content}]
            return client.post("/v1/messages", json={**body, "messages": messages, **fields}, headers=sent)

        assert ask().json()["role"] == "assistant"
        assert error(ask(sent=BEARER), 401)["message"].endswith("Send it in the header x-api-key.")
        assert error(ask(sent={"x-api-key": KEY}), 400)["param"] == "anthropic-version"
        assert error(ask([{"type": "image"}]), 400)["param"] == "messages[0].content[0].type"
        assert error(ask([{"text": "x"}]), 400)["param"] == "messages[0].content[0].type"
        assert error(ask([{"type": "tool_result", "tool_use_id": "a b"}]), 400)["param"].endswith(".tool_use_id")
        assert ask([{"type": "text", "text": "x", "cache_control": None}]).status_code == 200
        assert ask(metadata=None).status_code == 200
        stream = ask(stream=True, sent={**headers, "accept": "text/event-stream"})
        names = [line for line in stream.text.splitlines() if line.startswith("event: ")]
        assert names == ["event: message_start", "event: content_block_delta", "event: message_stop"]
        wrong = ask(sent={**headers, "prefer": "code=429"})
        assert (wrong.status_code, wrong.json()["type"]) == (429, "error")


PET = {"name": "rex", "photoUrls": ["a"]}


@pytest.mark.parametrize(
    ("method", "path", "status", "more"),
    [
        ("POST", "/pet", 201, {"json": PET}),
        ("POST", "/pet", 201, {"data": {"name": "rex", "photoUrls": ["a", "b"], "id": "5"}}),
        ("POST", "/pet", 415, {"content": "x", "headers": {"content-type": "text/plain"}}),
        ("GET", "/pet/findByStatus?status=sold,pending&where[lat]=1.5", 200, {}),
        ("GET", "/pet/findByStatus?status=sold,eaten", 400, {}),
        ("GET", "/pet/findByStatus?where[up]=1", 400, {}),
        ("GET", "/pet/x", 400, {}),
        ("POST", "/pet/5", 204, {"data": {"weight": "0.5"}}),
        ("POST", "/pet/5", 400, {"data": {"weight": "0"}}),
        ("DELETE", "/pet/5", 400, {"headers": {"cookie": "session=mine"}}),
        ("DELETE", "/pet/5", 204, {"headers": {"cookie": "session=0c3bd1be-7c3e-4c2e-8f1c-1ad3bbd3f7d0"}}),
        ("POST", "/pet/5/uploadImage", 200, {"files": {"image": ("a.png", b"x", "image/png")}}),
        ("POST", "/pet/5/uploadImage", 400, {"files": {"image": ("a.gif", b"x", "image/gif")}}),
        ("POST", "/store/order", 400, {"json": {"petId": 1, "id": 2}}),
        ("POST", "/store/order", 400, {"json": {"petId": 1, "shipDate": "soon"}}),
        ("POST", "/store/order", 200, {"json": {"petId": 1, "shipDate": None, "coupon": "x"}}),
        ("HEAD", "/store/inventory", 200, {}),
        ("OPTIONS", "/store/inventory", 204, {}),
        ("PUT", "/store/inventory", 405, {}),
    ],
)
def test_a_shop_is_mocked_with_its_forms_files_cookies_and_methods(
    method: str, path: str, status: int, more: dict[str, Any], tmp_path: Path
) -> None:
    keys = {**BEARER, "api_key": KEY}
    with application(vendor("shop"), tmp_path, mock="all") as client:
        answer = client.send(method, f"/api/v3{path}", **{**more, "headers": {**keys, **more.get("headers", {})}})
        assert answer.status_code == status, answer.text
        if status == 200 and path == "/store/order":
            assert "coupon" not in answer.json()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v3/", 200),
        ("GET", "/api/v3/repos/a/b", 200),
        ("GET", "/api/v3/repos/a/b?per_page=101", 400),
        ("GET", "/api/v3/repos/a/b/contents/x/y%2Fz", 200),
        ("GET", "/api/v3/repos/a/b/compare/main...dev", 200),
        ("PUT", "/api/v3/user/following/me", 204),
        ("GET", "/deutsch/stra%C3%9Fe/5", 200),
        ("GET", "/deutsch/stra%C3%9Fe/gro%C3%9F", 400),
        ("GET", "/api/v3/search?q=1", 404),
    ],
)
def test_a_forge_is_mocked_with_its_templates_path_items_and_servers(
    method: str, path: str, status: int, tmp_path: Path
) -> None:
    with application(vendor("forge"), tmp_path, mock="all") as client:
        for token in (KEY, f"Bearer {KEY}"):
            answer = client.send(method, path, headers={"authorization": token})
            assert answer.status_code == status, answer.text


def test_closed_by_unevaluated_properties_beside_a_reference(tmp_path: Path) -> None:
    with application(vendor("forge"), tmp_path, mock="all") as client:

        def patch(client: Client, body: Any) -> httpx.Response:
            return client.send("PATCH", "/api/v3/repos/a/b", json=body, headers=BEARER)

        assert error(patch(client, {"x": 1}), 400)["code"] == "unknown_parameter"
        assert error(patch(client, {}), 400)["code"] == "object_below_min_properties"
        made = patch(client, {"name": "n", "security": None}).json()
        hold(vendor("forge"), "full-repository", made)
