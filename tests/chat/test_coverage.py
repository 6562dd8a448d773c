"""The score of a model is the truth: what the tables say becomes of a property is what the server does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.chat.coverage import CHATS, Line, coverage, totals
from app.chat.parameters import PARAMETERS
from app.chat.produced import CHUNK, COMPLETION, FAILURE
from app.configuration.document import contract_path
from app.configuration.model_file import served_model
from app.contract.document import Document
from app.contract.operations import Operation, operations
from app.contract.properties import property_paths
from app.domains import chat_operations
from app.engines.base import Model
from app.settings import Settings

from ..configuration.entries import model_file
from ..foreign import FOREIGN, OPENAIS, foreign
from ..live import Server
from ..published import page

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def document() -> Document:
    return Document.load(contract_path(Settings()))


@pytest.fixture(scope="module")
def operation(document: Document) -> Operation:
    return chat_operations(Settings(), operations(document))[0]


@pytest.fixture(scope="module")
def bundled(document: Document, operation: Operation) -> list[Line]:
    return coverage(document, operation, served_model(model_file()).model, CHATS)


def paths_of(lines: list[Line], side: str, *fates: str) -> set[str]:
    return {line.path for line in lines if line.side == side and (line.fate in fates or not fates)}


def test_the_tables_have_every_property_of_the_contract_and_no_other(document: Document, bundled: list[Line]) -> None:
    assert not [line for line in bundled if line.fate == "unknown"]
    schemas = document.content["components"]["schemas"]
    for name, table in (("CreateChatCompletionResponse", COMPLETION), ("CreateChatCompletionStreamEvent", CHUNK)):
        assert sorted(property_paths(document, schemas[name])) == sorted(table)


def test_what_a_document_of_another_hand_has_besides_is_told_as_unknown(document: Document) -> None:
    content = json.loads(document.json_bytes)
    schemas = content["components"]["schemas"]
    schemas["CreateChatCompletionStreamResponse"]["properties"]["mood"] = {"type": "string"}
    schemas["ChatCompletionStreamOptions"]["properties"]["mood"] = {"type": "string"}
    schemas["CreateChatCompletionRequest"]["properties"]["mood"] = {"type": "string"}
    other = Document(content)
    lines = coverage(other, chat_operations(Settings(), operations(other))[0], Model("m", 0, "o", "f"), CHATS)
    assert [(line.side, line.path) for line in lines if line.fate == "unknown"] == [
        ("request", "stream_options.mood"),
        ("chunk", "mood"),
    ]
    assert [line.fate for line in lines if line.path == "mood"] == ["refused", "unknown"]
    assert totals(lines).startswith(f"{len(lines) - 2} of {len(lines)} properties accounted for: ")


@pytest.mark.parametrize("name", FOREIGN)
def test_openais_own_documents_and_one_like_them_have_nothing_that_the_tables_lack(name: str) -> None:
    path = foreign(name)
    document = Document.load(path)
    lines = coverage(
        document, chat_operations(Settings(), operations(document))[0], served_model(model_file()).model, CHATS
    )
    assert len(lines) > (150 if name in OPENAIS else 40)
    assert not [line for line in lines if line.fate == "unknown"]


def test_a_part_of_what_is_refused_is_refused(document: Document, operation: Operation) -> None:
    lines = coverage(document, operation, Model("m", 0, "o", "f", frozenset({"image_detail"})), CHATS)
    assert "messages[].content[].image_url.detail" in paths_of(lines, "request", "refused")
    seen = coverage(document, operation, Model("m", 0, "o", "f", frozenset({"images", "image_detail"})), CHATS)
    assert "messages[].content[].image_url.detail" in paths_of(seen, "request", "honoured")


def test_the_documentation_tells_the_score_of_the_bundled_model(bundled: list[Line]) -> None:
    assert f"| Chats | {totals(bundled)} |" in page("certify")


FUNCTION = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 8}}, "required": ["city"]},
}
ANSWERS: tuple[dict[str, Any], ...] = (
    {"metadata": {"a": "b"}},
    {"logprobs": True, "top_logprobs": 2, "max_tokens": 5},
    {"tools": [{"type": "function", "function": FUNCTION}], "tool_choice": "required"},
    {
        "tools": [{"type": "custom", "custom": {"name": "note"}}],
        "tool_choice": {"type": "custom", "custom": {"name": "note"}},
        "max_tokens": 60,
    },
    {"functions": [FUNCTION], "function_call": {"name": "get_weather"}},
    {"response_format": {"type": "json_object"}, "max_tokens": 20},
    {"n": 2, "stop": "e", "max_tokens": 0},
)


def observed(body: Any, known: set[str]) -> set[str]:
    """The paths of a body, but not inside what the contract has no names for, such as maps."""
    found: set[str] = set()

    def walk(value: Any, at: str) -> None:
        if isinstance(value, list):
            for item in value:
                walk(item, at + "[]")
        elif isinstance(value, dict) and (not at or any(path.startswith(f"{at}.") for path in known)):
            for name, inner in value.items():
                path = f"{at}.{name}" if at else name
                found.add(path)
                walk(inner, path)

    walk(body, "")
    return found


@pytest.mark.live
def test_what_the_bundled_model_answers_has_just_the_properties_that_the_table_calls_produced(
    llama_server: Server, bundled: list[Line]
) -> None:
    completions: set[str] = set()
    chunks: set[str] = set()
    for fields in ANSWERS:
        body = {"model": "parley-tiny", "messages": [{"role": "user", "content": "Hello!"}], "seed": 1, **fields}
        answer = llama_server.request("POST", CHAT, body=body, headers=llama_server.bearer)
        assert answer.status == 200, answer.body
        completions |= observed(answer.json(), paths_of(bundled, "completion"))
        options = {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": True}}
        stream = llama_server.request("POST", CHAT, body={**body, **options}, headers=llama_server.bearer)
        *events, done = stream.body.decode().removesuffix("\n\n").split("\n\n")
        assert (stream.status, done) == (200, "data: [DONE]")
        for event in events:
            chunks |= observed(json.loads(event.removeprefix("data: ")), paths_of(bundled, "chunk"))
    assert completions == paths_of(bundled, "completion", "produced")
    # Nothing failed here; what comes then is the matter of the tests of streams.
    assert chunks == paths_of(bundled, "chunk", "produced") - {*FAILURE}


def test_every_capability_that_an_answer_needs_is_one_that_a_parameter_needs() -> None:
    asked = {parameter.needs for parameter in PARAMETERS}
    assert {row.needs for row in (*COMPLETION.values(), *CHUNK.values())} <= asked
