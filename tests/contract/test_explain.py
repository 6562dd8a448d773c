"""A request that breaks the contract is told where, which rule, and what would be accepted; never its own values."""

import resource
from typing import Any

import pytest

from app.contract.document import Document
from app.contract.explain import check, explain, path_text
from app.contract.faults import Validator
from app.contract.schemas import Schemas
from app.errors import BadRequest

from ..patience import little_work

USER: dict[str, Any] = {"role": "user", "content": "x"}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f"}}
SECRET = "sk-this-must-not-be-told"


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [USER], **fields}


def after_user(message: Any) -> dict[str, Any]:
    return body(messages=[USER, message])


# What a client sent, the path and the code it is told, and a part of the message.
MISTAKES: list[tuple[Any, str | None, str, str]] = [
    (
        after_user({"role": SECRET, "content": "x"}),
        "messages[1].role",
        "invalid_value",
        "'developer', 'system', 'user'",
    ),
    (after_user({"content": "x"}), "messages[1].role", "missing_required_parameter", "messages[1].role"),
    (after_user({"role": "user"}), "messages[1].content", "missing_required_parameter", "messages[1].content"),
    (after_user({"role": "user", "content": 5}), "messages[1].content", "invalid_type", "a string or an array"),
    (after_user({"role": "user", "content": None}), "messages[1].content", "invalid_type", "but got null"),
    (after_user({"role": "user", "content": []}), "messages[1].content", "array_below_min_length", "at least 1"),
    (
        after_user({"role": "user", "content": [{"type": "text"}]}),
        "messages[1].content[0].text",
        "missing_required_parameter",
        "text",
    ),
    (
        after_user({"role": "user", "content": [{"type": SECRET, "text": "x"}]}),
        "messages[1].content[0].type",
        "invalid_value",
        "'text', 'image_url', 'input_audio' or 'file'",
    ),
    (
        after_user({"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
        "messages[1].content[0].type",
        "invalid_value",
        "'text'",
    ),
    (
        after_user({"role": "tool", "content": "x"}),
        "messages[1].tool_call_id",
        "missing_required_parameter",
        "tool_call_id",
    ),
    (
        after_user({"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]}),
        "messages[1].tool_calls[0].function.arguments",
        "missing_required_parameter",
        "arguments",
    ),
    (after_user(5), "messages[1]", "invalid_type", "an object"),
    ({"messages": [USER]}, "model", "missing_required_parameter", "model"),
    ({"model": "m"}, "messages", "missing_required_parameter", "messages"),
    (body(messages=[]), "messages", "array_below_min_length", "at least 1"),
    (body(messages=SECRET), "messages", "invalid_type", "an array"),
    (body(model=5), "model", "invalid_type", "a string"),
    (body(temperature=2.5), "temperature", "decimal_above_max_value", "at most 2"),
    (body(temperature=-1), "temperature", "integer_below_min_value", "at least 0"),
    (body(temperature=SECRET), "temperature", "invalid_type", "but got a string"),
    (body(n=True), "n", "invalid_type", "but got a boolean"),
    (body(n=10**9), "n", "integer_above_max_value", "at most 128"),
    (body(stop=["a"] * 5), "stop", "array_above_max_length", "at most 4"),
    (body(stop=5), "stop", "invalid_type", "a string"),
    (body(stream=SECRET), "stream", "invalid_type", "a boolean"),
    (body(reasoning_effort=SECRET), "reasoning_effort", "invalid_value", "'minimal'"),
    (body(logit_bias={"50256": 101}), "logit_bias.50256", "integer_above_max_value", "at most 100"),
    (
        body(tools=[{"type": "function", "function": {}}]),
        "tools[0].function.name",
        "missing_required_parameter",
        "name",
    ),
    (body(tools=[{"type": SECRET}]), "tools[0].type", "invalid_value", "'function' or 'custom'"),
    (body(tools=[{**TOOL, "extra": 1}]), "tools[0].extra", "unknown_parameter", "Unknown"),
    (
        body(tools=[{"type": "function", "function": {"name": "a b"}}]),
        "tools[0].function.name",
        "invalid_value",
        "matches",
    ),
    (body(tool_choice=SECRET), "tool_choice", "invalid_value", "'none', 'auto' or 'required'"),
    (body(tool_choice={"type": "function"}), "tool_choice.function", "missing_required_parameter", "function"),
    (body(response_format={"type": SECRET}), "response_format.type", "invalid_value", "'json_schema'"),
    (
        body(response_format={"type": "json_schema", "json_schema": {}}),
        "response_format.json_schema.name",
        "missing_required_parameter",
        "name",
    ),
    (body(stream_options={"include_usage": True, "x": 1}), "stream_options.x", "unknown_parameter", "Unknown"),
    (body(metadata={str(i): "x" for i in range(17)}), "metadata", "object_above_max_properties", "at most 16"),
    (body(top_k=40), "top_k", "unknown_parameter", "Unknown parameter: 'top_k'"),
    ([body()], None, "invalid_type", "the request body"),
    (None, None, "invalid_type", "the request body"),
]


@pytest.fixture(scope="module", params=["jsonschema-rs", "jsonschema"])
def validator(request: pytest.FixtureRequest, document: Document) -> Validator:
    return Schemas(document, backend=request.param).validator("/components/schemas/CreateChatCompletionRequest")


@pytest.mark.parametrize(("instance", "param", "code", "part"), MISTAKES, ids=[f"{m[1]}-{m[2]}" for m in MISTAKES])
def test_a_mistake_is_told_by_path_code_and_rule(
    validator: Validator, instance: Any, param: str | None, code: str, part: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        check(validator, instance)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert part in caught.value.message
    assert SECRET not in caught.value.message


def test_a_valid_request_passes_in_silence(validator: Validator) -> None:
    check(validator, body())


def test_names_that_a_client_sent_are_cut_to_a_readable_length(validator: Validator) -> None:
    error = explain(validator, body(**{"x" * 10_000: 1}))
    assert error.param is not None
    assert len(error.param) < 100
    assert len(error.message) < 200


def test_braces_in_names_do_not_break_the_message(validator: Validator) -> None:
    error = explain(validator, body(**{"{where}{0}": 1}))
    assert error.message == "Unknown parameter: '{where}{0}'."
    assert error.param == "{where}{0}"


def test_paths_are_written_as_code_would_reach_them() -> None:
    assert path_text(["messages", 1, "content", 0, "type"]) == "messages[1].content[0].type"
    assert path_text([]) is None


PART: dict[str, Any] = {"type": "text", "text": "x"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("instance", "param", "code"),
    [
        (
            after_user({"role": "user", "content": [{}] * 100_000}),
            "messages[1].content[0].type",
            "missing_required_parameter",
        ),
        (
            after_user({"role": "user", "content": [PART] * 50_000 + [{}] * 50_000}),
            "messages[1].content[50000].type",
            None,
        ),
        (body(messages=[{}] * 100_000), "messages[0].role", "missing_required_parameter"),
        (body(messages=[USER] * 77_777 + [{"role": "user"}]), "messages[77777].content", "missing_required_parameter"),
        (body(tools=[{}] * 100_000), "tools[0].type", "missing_required_parameter"),
        (body(tools=[TOOL] * 100_000), "tools", "array_above_max_length"),
        (body(logit_bias={str(i): "x" for i in range(100_000)}), None, None),
        (body(metadata={str(i): "x" for i in range(100_000)}), "metadata", "object_above_max_properties"),
        ({**body(), **{f"x{i}": 1 for i in range(100_000)}}, None, "unknown_parameter"),
        (after_user({"role": "user", "content": ["x" * 20_000_000]}), "messages[1].content[0]", "invalid_type"),
        (after_user({"role": "x" * 20_000_000, "content": "x" * 20_000_000}), "messages[1].role", "invalid_value"),
        (body(safety_identifier="x" * 1_000_000), "safety_identifier", "string_above_max_length"),
    ],
    ids=range(12),
)
def test_bodies_that_are_wrong_everywhere_are_explained_at_once(
    document: Document, instance: Any, param: str | None, code: str | None
) -> None:
    validator = Schemas(document, backend="jsonschema-rs").validator("/components/schemas/CreateChatCompletionRequest")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # They took minutes and gigabytes; the bounds are far from both.
    with little_work(10):
        error = explain(validator, instance)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700_000
    assert param is None or error.param == param
    assert code is None or error.code == code
    assert len(error.message) < 500


def test_what_is_cut_away_in_the_search_is_not_told_as_missing() -> None:
    schema = {
        "type": "object",
        "required": [f"p{i}" for i in range(100)],
        "properties": {"a": {"type": "array", "minItems": 3, "items": {"type": "integer"}}},
    }
    document = Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"S": schema}}})
    validator = Schemas(document).validator("/components/schemas/S")
    instance: dict[str, Any] = {f"p{i}": 1 for i in range(100)}
    for broken, param in (([1, 2, 3, 4, "x"], "a[4]"), ([1, 2], "a"), ("x", "a")):
        assert explain(validator, {**instance, "a": broken}).param == param
    del instance["p50"]
    assert explain(validator, instance).param == "p50"
