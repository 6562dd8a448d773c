"""jsonschema-rs decides and jsonschema agrees, on our contract and on documents of others."""

import random
import sys
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from app.contract.document import Document
from app.contract.operations import operations
from app.contract.schemas import Schemas

REQUEST = "/components/schemas/CreateChatCompletionRequest"

SEEDS: list[dict[str, Any]] = [
    {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    {
        "model": "m",
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "be kind"}], "name": "boss"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "content": "42", "tool_call_id": "c1"},
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]},
        ],
        "temperature": 0.5,
        "top_p": 1,
        "n": 2,
        "stop": ["a", "b"],
        "seed": 7,
        "logit_bias": {"50256": -100},
        "metadata": {"a": "b"},
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": None}},
            {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "strict": True}},
        "audio": {"voice": "alloy", "format": "wav"},
        "modalities": ["text"],
        "prediction": {"type": "content", "content": "x"},
        "web_search_options": {"search_context_size": "low"},
        "reasoning_effort": "low",
        "service_tier": "auto",
    },
]
VALUES: list[Any] = [
    None, True, 0, -1, 1.0, 2.5, 129, 10**30, "", "x", "x" * 600, [], ["a"] * 5, [None], {}, {"type": "text"},
    {"role": "user", "content": "x"}, {"type": "function"}, {"a": 1}, {str(i): "v" for i in range(20)},
]  # fmt: skip


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


def mutants(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Requests with one to three changes each: a value replaced, a property removed, added or renamed."""
    rng = random.Random(seed)
    for _ in range(count):
        mutant = deepcopy(rng.choice(SEEDS))
        for _ in range(rng.randint(0, 3)):
            places = list(_places(mutant))
            if not places:
                break
            *parents, key = rng.choice(places)
            node: Any = mutant
            for parent in parents:
                node = node[parent]
            change = rng.random()
            if change < 0.6:
                node[key] = deepcopy(rng.choice(VALUES))
            elif change < 0.75:
                del node[key]
            elif isinstance(node, dict):
                node[rng.choice(["extra", "name", "content", "type", "strict", "n"])] = deepcopy(rng.choice(VALUES))
        yield mutant


def _request(document: Document) -> str:
    """The pointer of the schema of a request for a chat completion."""
    (chat,) = [o for o in operations(document) if (o.method, o.path) == ("post", "/chat/completions")]
    pointer = chat.request_schemas["application/json"]
    assert pointer
    return pointer


def _compare(document: Document, count: int) -> tuple[int, int]:
    pointer = _request(document)
    fast = Schemas(document, backend="jsonschema-rs").validator(pointer)
    referee = Schemas(document, backend="jsonschema").validator(pointer)
    verdicts = {True: 0, False: 0}
    for mutant in mutants(count):
        verdict = fast.is_valid(mutant)
        assert verdict == referee.is_valid(mutant), mutant
        verdicts[verdict] += 1
    return verdicts[True], verdicts[False]


@pytest.mark.long
def test_both_validators_agree_on_a_thousand_mutated_requests(document: Document) -> None:
    valid, invalid = _compare(document, 1200)
    assert valid > 150
    assert invalid > 150


@pytest.mark.long
def test_both_validators_agree_on_documents_of_others(foreign_document: Document) -> None:
    valid, invalid = _compare(foreign_document, 300)
    assert valid
    assert invalid


def test_without_jsonschema_rs_jsonschema_takes_over_with_a_warning(
    document: Document, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys.modules["app.contract.schemas"], "jsonschema_rs", None)
    schemas = Schemas(document)
    assert schemas.backend == "jsonschema"
    assert "jsonschema-rs is not installed" in caplog.text
    assert schemas.validator(REQUEST).is_valid(SEEDS[0])


def test_schemas_under_paths_with_braces_are_found(foreign_document: Document) -> None:
    (operation,) = [o for o in operations(foreign_document) if (o.method, o.path) == ("get", "/models/{model}")]
    pointer = operation.response_schema(200, "application/json")
    model = {"id": "m", "object": "model", "created": 1, "owned_by": "o"}
    assert pointer
    assert "{model}" in pointer or "models.yaml" in pointer
    assert Schemas(foreign_document).validator(pointer).is_valid(model)


def test_an_assistant_message_with_null_content_and_tool_calls_is_valid_under_3_0_and_3_1(
    foreign_document: Document,
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    request = {"model": "m", "messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}
    assert Schemas(foreign_document).validator(_request(foreign_document)).is_valid(request)


@pytest.mark.parametrize("backend", ["jsonschema-rs", "jsonschema"])
def test_a_line_break_at_the_end_of_a_name_is_seen_by_both(document: Document, backend: str) -> None:
    tool = {"type": "function", "function": {"name": "f\n"}}
    assert not Schemas(document, backend=backend).validator("/components/schemas/ChatCompletionTool").is_valid(tool)
