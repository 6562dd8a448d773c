"""Tools are told in words where the template has no place for them."""

from __future__ import annotations

import asyncio
import json

from app.engines.llama.toolbox import shows_tools, with_tools
from app.jsontypes import Json

from .requests import CITY, HELLO, function
from .templates import Template, plain, rendering, told

WEATHER, TIME = function("weather", CITY, description="Über"), function("get_time")


def shown(template: Template, asked: list[Json] | None = None) -> bool:
    return asyncio.run(shows_tools(rendering(template, asked)))


def no_place(payload: Json) -> str:
    return plain({"messages": payload["messages"]})


def no_lists(payload: Json) -> str | None:
    """At a loss with parameters that are lists, as one of Command R's is."""
    return None if '"array"' in json.dumps(told(payload, "tools")) else plain(payload)


def test_a_template_shows_tools_when_one_of_a_name_that_no_template_has_is_in_its_prompt() -> None:
    asked: list[Json] = []
    assert shown(plain, asked)
    assert len(asked) == 1
    for template in (no_place, no_lists, lambda _: None):
        assert not shown(template)


def test_tools_are_told_before_the_messages_with_how_they_are_called() -> None:
    first, *rest = with_tools(HELLO, [WEATHER, TIME])
    assert rest == HELLO
    assert first["role"] == "system"
    functions = [
        json.loads(line)
        for line in first["content"].splitlines()
        if line.startswith('{"name": "') and "..." not in line
    ]
    assert functions == [WEATHER["function"], TIME["function"]]
    assert "Über" in first["content"]
    assert '<tool_call>\n{"name": "...", "arguments": {...}}\n</tool_call>' in first["content"]
