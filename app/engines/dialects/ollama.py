"""Ollama's server."""

from __future__ import annotations

from dataclasses import dataclass

from ...jsontypes import Json
from .dialect import COMMON, joined
from .unforced import UnforcedDialect


@dataclass(frozen=True)
class OllamaDialect(UnforcedDialect):
    """Accepts text only as a single part."""

    def adapt(self, body: Json) -> None:
        super().adapt(body)
        if isinstance(body.get("stop"), str):
            body["stop"] = [body["stop"]]
        body["messages"] = [joined(message) for message in body["messages"]]

    def adapt_text(self, body: Json) -> None:
        if isinstance(body.get("stop"), str):
            body["stop"] = [body["stop"]]


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
