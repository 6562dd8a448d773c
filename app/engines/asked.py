"""What a request asks for, as far as its answer is read and held to it."""

from __future__ import annotations

from dataclasses import dataclass

from ..jsontypes import Json
from .tool_choice import ToolChoice


@dataclass(slots=True)
class Asked:
    """``alternatives`` are those of each token, None: no log probabilities. ``tool_choice`` says which tools may be
    called; None: calls are checked elsewhere. ``json``: the text is JSON, unless it is cut."""

    n: int = 1
    alternatives: int | None = None
    tool_choice: ToolChoice | None = None
    json: bool = False

    @classmethod
    def of(cls, request: Json) -> Asked:
        """What a request of the API asks for."""
        alternatives = int(request.get("top_logprobs") or 0) if request.get("logprobs") else None
        form = (request.get("response_format") or {}).get("type")
        bound = form in ("json_object", "json_schema") and not request.get("stop")
        return cls(request.get("n", 1), alternatives, ToolChoice.of(request), bound)
