"""Tools are told in words where the template has no place for them."""

from __future__ import annotations

import asyncio
import json

from app.engines.llama.toolbox import Toolbox, with_tools
from app.jsontypes import Json

from .requests import CITY, HELLO, function
from .templates import Template, plain, rendering, told

WEATHER, TIME = function("weather", CITY, description="Über"), function("get_time")


def shown(template: Template, *tools: Json, asked: list[Json] | None = None) -> bool:
    return asyncio.run(Toolbox(rendering(template, asked)).shows(tools))


def first_alone(payload: Json) -> str:
    return plain({**payload, "chat_template_kwargs": {"tools": told(payload, "tools")[:1]}})


def no_place(payload: Json) -> str:
    return plain({"messages": payload["messages"]})


def test_a_template_shows_tools_when_all_their_names_are_in_its_prompt() -> None:
    assert shown(plain, WEATHER, TIME)
    assert not shown(first_alone, WEATHER, TIME)
    assert shown(first_alone, WEATHER)
    assert not shown(no_place, WEATHER)
    assert not shown(lambda _: None, WEATHER)


def test_a_template_is_asked_about_the_same_tools_once_and_sees_no_messages() -> None:
    asked: list[Json] = []
    toolbox = Toolbox(rendering(plain, asked))

    async def ask() -> list[bool]:
        return [await toolbox.shows(tools) for tools in ([WEATHER], [TIME], [WEATHER], [WEATHER, TIME])]

    assert asyncio.run(ask()) == [True] * 4
    assert [[tool["function"]["name"] for tool in told(payload, "tools")] for payload in asked] == [
        ["weather"],
        ["get_time"],
        ["weather", "get_time"],
    ]


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
