"""Null in a request means that the property is left out, at every depth but in what is the client's own data."""

from __future__ import annotations

from typing import Any

import pytest

from app.chat.nulls import without_nulls

SAID: list[Any] = [{"role": "user", "content": "Hello!"}]
SCHEMA: Any = {"type": "object", "properties": {"a": {"enum": [None, 1]}}, "default": None}


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"tools": None, "user": None}, {}),
        ({"stream_options": {"include_usage": None}}, {"stream_options": {}}),
        ({"messages": [{**SAID[0], "name": None}]}, {"messages": SAID}),
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": None}]},
            {"messages": [{"role": "assistant", "content": None}]},
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "description": None, "parameters": SCHEMA}}]},
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]},
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": SCHEMA, "strict": None},
                }
            },
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
        ),
    ],
)
def test_what_is_null_is_left_out(given: Any, left: Any) -> None:
    body = {"model": "m", "messages": SAID, **given}
    before = repr(body)
    assert without_nulls(body) == {"model": "m", "messages": left.get("messages", SAID), **left}
    assert repr(body) == before


def test_a_request_without_nulls_is_not_copied() -> None:
    body = {"model": "m", "messages": SAID, "tools": [{"type": "function", "function": {"name": "f"}}]}
    assert without_nulls(body) is body
