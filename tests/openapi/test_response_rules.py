"""What the contract of `createResponse` lets through, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from app.contract.document import Document
from app.contract.explain import explain
from app.contract.schemas import Schemas

from . import CONTRACT, Json, accepts, component_accepts, properties

REQUEST = "CreateResponse"
PLAIN: Json = {"model": "parley-tiny", "input": "Hello!"}
FUNCTION: Json = {"type": "function", "name": "f"}


def accepted(**changes: Any) -> bool:
    """Whether the plain request with these properties is accepted."""
    return component_accepts(REQUEST, PLAIN | changes)


def item_accepted(**item: Any) -> bool:
    return accepted(input=[item])


def test_a_request_needs_a_model_and_an_input() -> None:
    assert accepted()
    assert accepted(input="")
    assert not component_accepts(REQUEST, {"input": "Hi"})
    assert not component_accepts(REQUEST, {"model": "parley-tiny"})
    assert not accepted(input=[])
    assert not accepted(model="")


def test_an_unknown_parameter_is_refused() -> None:
    for name in ("max_tokens", "messages", "top_k"):
        assert not accepted(**{name: 1})


@pytest.mark.parametrize(
    ("parameter", "known"),
    [
        ("tools", [FUNCTION]),
        ("tools", [{"type": "custom", "name": "c", "format": {"type": "text"}}]),
        (
            "tools",
            [{"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}],
        ),
        ("tool_choice", FUNCTION),
        ("tool_choice", {"type": "custom", "name": "c"}),
        ("tool_choice", {"type": "allowed_tools", "mode": "auto", "tools": []}),
        ("text", {"format": {"type": "text"}, "verbosity": "low"}),
        ("text", {"format": {"type": "json_object"}}),
        ("text", {"format": {"type": "json_schema", "name": "n", "schema": {}}}),
        ("reasoning", {"effort": "low", "summary": "auto"}),
        ("stream_options", {"include_obfuscation": True}),
        ("prompt", {"id": "p"}),
        ("conversation", {"id": "c"}),
        ("context_management", [{"type": "compaction"}]),
    ],
)
def test_an_unknown_key_in_a_closed_parameter_is_refused(parameter: str, known: Any) -> None:
    assert accepted(**{parameter: known})
    for wider in _widened(known):
        assert not accepted(**{parameter: wider}), wider


def _widened(value: Any) -> list[Any]:
    """The value with one unknown key, once for each object in it but for a schema."""
    if isinstance(value, list):
        return [[wider] for wider in _widened(value[0])] if value else []
    if not isinstance(value, dict):
        return []
    deeper = [{**value, k: wider} for k, each in value.items() if k != "schema" for wider in _widened(each)]
    return [{**value, "unknown": 1}, *deeper]


def test_null_is_accepted_for_every_property_that_may_be_left_out_and_for_no_other() -> None:
    tried = 0
    for pointer, required in properties(f"/components/schemas/{REQUEST}"):
        assert accepts(pointer, None) != required, pointer
        tried += 1
    assert tried > 120


def test_an_item_without_a_type_is_a_message() -> None:
    assert item_accepted(role="user", content="Hi")
    assert item_accepted(type="message", role="developer", content=[{"type": "input_text", "text": "Hi"}])
    assert item_accepted(role="assistant", content=[{"type": "output_text", "text": "Hi", "annotations": []}], id="m")
    assert not item_accepted(role="tool", content="Hi")
    assert not item_accepted(role="user")
    assert not item_accepted(role="user", content=None)
    assert not item_accepted(role="user", content=[{"type": "text", "text": "Hi"}])


def test_items_of_each_kind_need_what_they_are_about_and_take_what_came_with_them() -> None:
    kinds: list[Json] = [
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_text", "text": "a"}]},
        {"type": "custom_tool_call", "call_id": "1", "name": "c", "input": "a"},
        {"type": "custom_tool_call_output", "call_id": "1", "output": "a"},
        {"type": "reasoning", "summary": []},
        {"type": "item_reference", "id": "i"},
        {"type": "web_search_call"},
    ]
    for item in kinds:
        assert item_accepted(**item, status="completed", created_by="x"), item
        for name in item:
            assert not item_accepted(**{key: value for key, value in item.items() if key != name}), (item, name)


def test_tools_that_the_server_would_run_are_known_with_whatever_belongs_to_them() -> None:
    for kind in ("web_search", "file_search", "mcp", "code_interpreter", "image_generation"):
        assert accepted(tools=[{"type": kind, "anything": 1}])
    assert accepted(tool_choice={"type": "mcp", "server_label": "x"})
    assert not accepted(tools=[{"type": "teleport"}])
    assert accepted(tools=[FUNCTION] * 128)
    namespace = {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [FUNCTION]}
    assert accepted(tools=[namespace])
    wrongs: list[Json] = [{"name": "a b"}, {"tools": []}, {"tools": [{"type": "web_search"}]}, {"tools": [namespace]}]
    for wrong in wrongs:
        assert not accepted(tools=[{**namespace, **wrong}])
    assert not accepted(tools=[FUNCTION] * 129)


def test_a_number_is_accepted_up_to_its_bounds_and_not_beyond() -> None:
    for name, lowest, highest in (("temperature", 0, 2), ("top_p", 0, 1), ("top_logprobs", 0, 20)):
        assert accepted(**{name: lowest})
        assert accepted(**{name: highest})
        assert not accepted(**{name: lowest - 1})
        assert not accepted(**{name: highest + 1})
    assert accepted(max_output_tokens=16)
    assert not accepted(max_output_tokens=15)


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "tool", "content": "x"}, "role"),
        ({"content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": [{"text": "x"}]}, "content[0].type"),
        ({"type": "reasoning"}, "summary"),
        ({"type": "function_call", "call_id": "1", "name": "f"}, "arguments"),
        ({"type": "function_call_output", "call_id": "1", "output": [{"type": "text"}]}, "output[0].type"),
    ],
)
def test_what_is_wrong_with_an_item_is_told_by_its_kind(item: Json, param: str) -> None:
    validator = Schemas(Document.load(CONTRACT)).validator(f"/components/schemas/{REQUEST}", "request")
    assert explain(validator, {**PLAIN, "input": [item]}).param == f"input[0].{param}"
