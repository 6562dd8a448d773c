"""Tools described in messages, for templates that do not render tools: many templates silently ignore them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...jsontypes import Json
from ..constraints.binding import MARK
from .frames import Render

# A tool with a name that no template contains, and with the usual features of tools: templates fail at some of them.
_NAME = "xTOOLx"
_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "enum": ["b"], "description": "c"},
        "d": {"type": "array", "items": {"type": "object", "properties": {"e": {"type": ["integer", "null"]}}}},
    },
    "required": ["a"],
}
_TRIAL: Json = {"type": "function", "function": {"name": _NAME, "description": "f", "parameters": _SCHEMA}}

_HEAD = "You can call these functions:"
_FORM = f"""To call one, write its name and its arguments so, and nothing else:
{MARK}
{{"name": "...", "arguments": {{...}}}}
</tool_call>
The result follows as a message."""


async def shows_tools(render: Render) -> bool:
    """Return whether the template behind ``render`` shows the model its tools, of any kind."""
    ask = {"messages": [{"role": "user", "content": "a"}], "chat_template_kwargs": {"tools": [_TRIAL]}}
    return _NAME in (await render(ask) or "")


def with_tools(messages: list[Json], tools: Sequence[Json]) -> list[Json]:
    """Return the messages after a system message that describes the tools and how to call them."""
    lines = [json.dumps(tool["function"], ensure_ascii=False) for tool in tools]
    return [{"role": "system", "content": "\n".join([_HEAD, *lines, _FORM])}, *messages]
