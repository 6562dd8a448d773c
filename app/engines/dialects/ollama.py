"""Ollama's server."""

from __future__ import annotations

from dataclasses import dataclass

from ...jsontypes import Json
from .dialect import COMMON
from .unforced import UnforcedDialect


@dataclass(frozen=True)
class OllamaDialect(UnforcedDialect):
    """Takes texts in one part alone."""

    def adapt(self, body: Json) -> None:
        super().adapt(body)
        if isinstance(body.get("stop"), str):
            body["stop"] = [body["stop"]]
        body["messages"] = [_joined(message) for message in body["messages"]]


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
    COMMON | {"seed"},
    makes_choices=False,
    defaults={"temperature": 1, "top_p": 1},
    limit="max_tokens",
    roles={"developer": "system"},
    names=False,
)
