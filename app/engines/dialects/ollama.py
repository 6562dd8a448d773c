"""Ollama's server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import UnsupportedParameter
from ...jsontypes import Json
from ..tool_choice import ToolChoice
from .dialect import COMMON, Dialect, unsupported


@dataclass(frozen=True)
class OllamaDialect(Dialect):
    """Cannot be made to call a tool, nor to call no more than one."""

    def unsupported(self, request: Json) -> Iterator[UnsupportedParameter]:
        if ToolChoice.of(request).must:
            yield unsupported("tool_choice", "cannot be made to call a tool. Send tool_choice auto or none.")
        if ToolChoice.of(request).names and request.get("parallel_tool_calls") is False:
            yield unsupported("parallel_tool_calls", "may call several tools at once. Leave it out or send true.")

    def adapt(self, body: Json) -> None:
        body.pop("tool_choice", None)
        if isinstance(body.get("stop"), str):
            body["stop"] = [body["stop"]]
        body["messages"] = [_joined(message) for message in body["messages"]]

    def adapt_text(self, body: Json) -> None:
        if isinstance(body.get("stop"), str):
            body["stop"] = [body["stop"]]


def _joined(message: Json) -> Json:
    """A message with its parts of text as one: Ollama would make a message of each. A refusal is what was said."""
    content = message.get("content")
    if content is None and message.get("refusal"):
        return {name: value for name, value in message.items() if name != "refusal"} | {"content": message["refusal"]}
    if isinstance(content, list) and all(part["type"] in ("text", "refusal") for part in content):
        return {**message, "content": "".join(part[part["type"]] for part in content)}
    return message


OLLAMA = OllamaDialect(
    "ollama",
    COMMON | {"seed", "suffix", "dimensions"},
    makes_choices=False,
    defaults={"temperature": 1, "top_p": 1},
    limit="max_tokens",
    roles={"developer": "system"},
    names=False,
    packs=False,
)
