"""Swagger UI as a person uses it: in a real Chromium, against a real server with the bundled model."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..live import Server, serve

playwright_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = next((path for name in ("/usr/bin/chromium", "chromium") if (path := shutil.which(name))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, at /usr/bin/chromium or on the PATH"),
]

# Nothing of the browser's own goes out, so that every request seen is the page's.
_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_CHAT = "Chat-createChatCompletion"
_FOREIGN = """
openapi: 3.0.3
info: {title: Foreign, version: '1'}
servers: [{url: https://api.example.org}]
paths:
  /chat/completions:
    servers: [{url: https://path.example.org}]
    post:
      operationId: createChatCompletion
      tags: [Chat]
      servers: [{url: https://operation.example.org}]
      requestBody:
        content:
          application/json:
            schema: {type: object}
            example: {model: parley-echo, messages: [{role: user, content: Good day}]}
      responses: {'200': {description: OK}}
"""
_LATEST = """
openapi: 3.2.0
info: {title: Latest, version: '1'}
servers: [{url: https://api.example.org}]
paths:
  /things:
    query:
      operationId: findThings
      tags: [Things]
      servers: [{url: https://operation.example.org}]
      responses: {'200': {content: {application/json: {$ref: '#/components/mediaTypes/Things'}}}}
    additionalOperations:
      COPY:
        operationId: copyThings
        tags: [Things]
        servers: [{url: https://operation.example.org}]
        responses: {'204': {}}
components:
  mediaTypes: {Things: {schema: {type: array, items: {enum: [a thing]}}}}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=_OPTIONS)
        yield browser
        browser.close()


class Page:
    """The page of a server, opened in a browser without a memory. ``errors`` and ``requests`` grow as it is used."""

    def __init__(self, browser: Any, url: str) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context()
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url)
        self.page.locator(".opblock").first.wait_for()

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def authorize(self, key: str) -> None:
        self.page.locator(".auth-wrapper button.authorize").click()
        self.page.locator(".modal-ux input").first.fill(key)
        self.page.locator(".modal-ux button.authorize").first.click()
        self.page.locator(".modal-ux .btn-done").first.click()

    def operation(self, name: str) -> Any:
        """Open an operation, ready to be tried out."""
        block = self.page.locator(f"#operations-{name}")
        block.locator(".opblock-summary-control").click()
        block.locator("button.execute").wait_for()
        return block

    def execute(self, block: Any) -> tuple[int, str]:
        """Press Execute: the status and the body that the page shows."""
        with self.page.expect_response(lambda response: response.request.resource_type == "fetch") as answer:
            block.locator("button.execute").click()
        answer.value.finished()
        shown = block.locator(".live-responses-table")
        status = int(shown.locator("tr.response .response-col_status").inner_text().split()[0])
        assert status == answer.value.status
        return status, shown.locator(".highlight-code .microlight, .highlight-code pre").first.inner_text()


@pytest.fixture
def page(browser: Any, llama_server: Server) -> Iterator[Page]:
    opened = Page(browser, f"{llama_server.base}/ui/")
    yield opened
    opened.context.close()


def test_the_page_shows_the_contract_without_errors_and_without_another_host(page: Page, llama_server: Server) -> None:
    assert page.page.locator("h1, h2.title").first.inner_text().startswith("Parley")
    assert "OAS 3.1" in page.page.locator(".info").inner_text()
    shown = [text.replace("\u200b", "") for text in page.page.locator(".opblock-summary-path").all_inner_texts()]
    chat, one = "/chat/completions", "/chat/completions/{completion_id}"
    chats = [chat, chat, one, one, one, f"{one}/messages"]
    assert sorted(shown[: len(chats)]) == sorted(chats)
    assert shown[len(chats) :] == ["/completions", "/embeddings", "/models", "/models/{model}", "/responses"]
    assert page.page.locator(".servers option").all_inner_texts() == ["/v1"]
    page.operation(_CHAT)
    assert page.errors == []
    assert page.requests
    assert {url for url in page.requests if not url.startswith((f"{llama_server.url}/", "data:"))} == set()


def test_the_schema_of_the_request_lists_every_parameter(page: Page, llama_server: Server) -> None:
    block = page.operation(_CHAT)
    body = block.locator(".opblock-section-request-body")
    body.get_by_role("tab", name="Schema").or_(body.locator("button", has_text="Schema")).first.click()
    schema = body.locator(".json-schema-2020-12-keyword--properties").first
    shown = schema.locator(":scope > ul > li > article > .json-schema-2020-12-head .json-schema-2020-12__title")
    document = llama_server.request("GET", "/v1/openapi.json").json()
    expected = document["components"]["schemas"]["CreateChatCompletionRequest"]["properties"]
    shown.first.wait_for()
    assert [text.strip() for text in shown.all_inner_texts()] == list(expected)


def test_the_examples_are_offered_by_their_summaries(page: Page, llama_server: Server) -> None:
    block = page.operation(_CHAT)
    options = block.locator(".opblock-section-request-body .examples-select option")
    options.first.wait_for(state="attached")
    offered = options.all_inner_texts()
    document = llama_server.request("GET", "/v1/openapi.json").json()
    body = document["paths"]["/chat/completions"]["post"]["requestBody"]
    examples = body["content"]["application/json"]["examples"]
    assert offered == [example["summary"] for example in examples.values()]
    assert json.loads(block.locator("textarea").input_value()) == examples["plain"]["value"]


def test_with_the_key_the_plain_example_is_answered_by_the_model(page: Page, llama_server: Server) -> None:
    page.authorize(llama_server.key)
    status, body = page.execute(page.operation(_CHAT))
    assert status == 200
    completion = json.loads(body)
    assert completion["object"] == "chat.completion"
    assert completion["choices"][0]["message"]["content"].strip()
    assert page.errors == []


def test_with_the_key_the_stream_example_is_shown_to_its_end(page: Page, llama_server: Server) -> None:
    page.authorize(llama_server.key)
    block = page.operation(_CHAT)
    block.locator(".opblock-section-request-body .examples-select select").select_option("stream")
    playwright_api.expect(block.locator("textarea")).to_have_value(re.compile('"stream": true'))
    status, body = page.execute(block)
    assert status == 200
    events = [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]).strip()
    assert chunks[-1]["usage"]["completion_tokens"] > 0
    assert page.errors == []


def test_without_a_key_the_answer_is_401_in_the_one_shape_of_failures(page: Page) -> None:
    status, body = page.execute(page.operation(_CHAT))
    _assert_no_entry(status, body)


def test_with_a_wrong_key_the_answer_is_401_and_does_not_repeat_it(page: Page) -> None:
    page.authorize("sk-not-a-key")
    status, body = page.execute(page.operation(_CHAT))
    _assert_no_entry(status, body)
    assert "sk-not-a-key" not in body


def test_a_model_is_described_by_the_example_of_its_id(page: Page, llama_server: Server) -> None:
    page.authorize(llama_server.key)
    status, body = page.execute(page.operation("Models-retrieveModel"))
    assert (status, json.loads(body)["id"]) == (200, "parley-tiny")


def test_the_key_is_still_there_when_the_page_is_loaded_again(page: Page, llama_server: Server) -> None:
    page.authorize(llama_server.key)
    page.page.reload()
    page.page.locator(".opblock").first.wait_for()
    assert page.execute(page.operation("Models-listModels"))[0] == 200


def test_a_document_that_names_other_servers_is_tried_on_this_one(browser: Any, tmp_path: Path) -> None:
    spec = tmp_path / "foreign.yaml"
    spec.write_text(_FOREIGN)
    with serve("echo", env={"PARLEY_SPEC": str(spec)}) as server:
        page = Page(browser, f"{server.url}/ui/")
        try:
            assert page.page.locator(".servers option").all_inner_texts() == ["/"]
            status, body = page.execute(page.operation(_CHAT))
        finally:
            page.context.close()
        assert page.requests[-1] == f"{server.url}/chat/completions"
    assert status == 200
    assert json.loads(body)["choices"][0]["message"]["content"] == "Good day"


@pytest.mark.parametrize("version", ["3.0.3", "3.1.1"])
@pytest.mark.parametrize("kind", ["oauth2", "openIdConnect", "reference"])
def test_a_document_with_oauth2_or_openidconnect_alone_has_a_field_for_the_key(
    browser: Any, tmp_path: Path, kind: str, version: str
) -> None:
    spec = tmp_path / "tokens.json"
    document = _with_tokens(kind, version)
    spec.write_text(json.dumps(document))
    with serve("echo", env={"PARLEY_SPEC": str(spec), "PARLEY_MOCK": "all"}) as server:
        page = Page(browser, f"{server.url}/ui/")
        try:
            page.page.locator(".auth-wrapper button.authorize").click()
            shown = page.page.locator(".modal-ux").inner_text()
            assert "Enter an API key of this server." in shown
            assert "Sign in as ever." in shown
            assert "http, Bearer" in shown
            assert "authorization server" not in shown
            page.page.locator(".modal-ux .btn-done").first.click()
            block = page.operation("default-getThing")
            _assert_no_entry(*page.execute(block))
            page.authorize(server.key)
            assert page.execute(block)[0] == 200
            assert [e for e in page.errors if "401" not in e] == []
        finally:
            page.context.close()
        # The page's alone: the document is shown as it was written.
        assert server.request("GET", "/openapi.json").json() == document


def _with_tokens(kind: str, version: str) -> dict[str, Any]:
    """A document with an operation that nothing but a token opens."""
    flow = {
        "authorizationUrl": "https://example.org/auth",
        "tokenUrl": "https://example.org/token",
        "scopes": {"r": ""},
    }
    oauth2 = {"type": "oauth2", "description": "Sign in as ever.", "flows": {"authorizationCode": flow}}
    schemes: dict[str, Any] = {
        "oauth2": {"login": oauth2},
        "openIdConnect": {
            "login": {
                "type": "openIdConnect",
                "description": "Sign in as ever.",
                "openIdConnectUrl": "https://example.org/.well-known/openid-configuration",
            }
        },
        "reference": {"login": {"$ref": "#/components/securitySchemes/a~1b"}, "a/b": oauth2},
    }
    answer = {"description": "d", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "openapi": version,
        "info": {"title": "Tokens", "version": "1"},
        "security": [{"login": ["r"] if kind == "oauth2" else []}],
        "components": {"securitySchemes": schemes[kind]},
        "paths": {"/things": {"get": {"operationId": "getThing", "responses": {"200": answer}}}},
    }


def test_a_document_of_openapi_3_2_is_shown_with_all_of_its_methods_and_tried(browser: Any, tmp_path: Path) -> None:
    spec = tmp_path / "latest.yaml"
    spec.write_text(_LATEST)
    with serve("echo", env={"PARLEY_SPEC": str(spec), "PARLEY_MOCK": "all"}) as server:
        page = Page(browser, f"{server.url}/ui/")
        try:
            assert page.page.locator(".opblock-summary-method").all_inner_texts() == ["QUERY", "COPY"]
            assert "OAS 3.2" in page.page.locator(".info").inner_text()
            status, body = page.execute(page.operation("Things-findThings"))
            assert page.requests[-1] == f"{server.url}/things"
        finally:
            page.context.close()
        assert page.errors == []
    assert (status, json.loads(body)) == (200, ["a thing"])


def _assert_no_entry(status: int, body: str) -> None:
    assert status == 401
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "invalid_api_key"
