"""Tools in words, for templates that have no place for them: many leave out without a word what they are given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from ...jsontypes import Json
from ..constraints.binding import MARK
from .frames import Render

# How many sets of tools are remembered.
_REMEMBERED = 256

_HEAD = "You can call these functions:"
_FORM = f"""To call one, write its name and its arguments so, and nothing else:
{MARK}
{{"name": "...", "arguments": {{...}}}}
</tool_call>
The result follows as a message."""


class Toolbox:
    """Whether the template behind ``render`` shows the model its tools."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._shown: dict[bytes, bool] = {}

    async def shows(self, tools: Sequence[Json]) -> bool:
        """Whether the template shows all of them."""
        key = hashlib.blake2b(json.dumps(tools).encode()).digest()
        if key not in self._shown:
            if len(self._shown) >= _REMEMBERED:
                self._shown.clear()
            ask = {"messages": [{"role": "user", "content": "a"}], "chat_template_kwargs": {"tools": tools}}
            prompt = await self._render(ask)
            self._shown[key] = prompt is not None and all(tool["function"]["name"] in prompt for tool in tools)
        return self._shown[key]


def with_tools(messages: list[Json], tools: Sequence[Json]) -> list[Json]:
    """The messages, before them in a system message the tools and how they are called."""
    lines = [json.dumps(tool["function"], ensure_ascii=False) for tool in tools]
    return [{"role": "system", "content": "\n".join([_HEAD, *lines, _FORM])}, *messages]
