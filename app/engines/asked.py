"""The parts of a request that are needed to read its answer and to check the answer against the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..jsontypes import Json
from .tool_choice import ToolChoice

# The parameters of which something is read here, besides the limits.
_READ = frozenset(
    {"response_format", "stop", "stream_options", "n", "logprobs", "top_logprobs", "tools", "functions", "tool_choice"}
    | {"function_call", "parallel_tool_calls", "modalities"}
)

# The two parameters that limit the tokens of an answer.
LIMITS = ("max_completion_tokens", "max_tokens")


@dataclass(slots=True)
class Asked:
    """``alternatives`` is the number of alternatives per token, None: no log probabilities. ``tool_choice`` says which
    tools may be called; None: calls are checked elsewhere. ``json``: the text must be JSON, unless it is truncated, and
    must match the ``schema`` if there is one. ``limit`` is the maximum number of tokens of each choice, and
    ``limit_name`` the client's name for it; ``stops`` are the sequences that must not occur in a text. ``strict`` maps
    the names of strict functions to their index among the tools and the schema of their arguments. ``parallel``:
    several calls are allowed. ``usage``: a stream must report its usage; ``counts``: also the usage so far with each
    piece. ``sound``: the answer must also have audio."""

    n: int = 1
    alternatives: int | None = None
    tool_choice: ToolChoice | None = None
    json: bool = False
    schema: Json | None = None
    limit: int | None = None
    limit_name: str | None = None
    stops: tuple[str, ...] = ()
    strict: Mapping[str, tuple[int, Json]] = field(default_factory=dict)
    parallel: bool = True
    counts: bool = False
    usage: bool = False
    sound: bool = False

    @classmethod
    def of(cls, request: Json) -> Asked:
        """Read an API request."""
        if _READ.isdisjoint(request):
            limit_name, limit = _limit(request)
            return cls(tool_choice=ToolChoice.of(request), limit=limit, limit_name=limit_name)
        form = request.get("response_format") or {}
        described = form.get("json_schema") or {}
        stop, options = request.get("stop") or (), request.get("stream_options") or {}
        limit_name, limit = _limit(request)
        return cls(
            n=request.get("n", 1),
            alternatives=int(request.get("top_logprobs") or 0) if request.get("logprobs") else None,
            tool_choice=ToolChoice.of(request),
            json=form.get("type") in ("json_object", "json_schema") and not stop,
            schema=described.get("schema") if described.get("strict") and not stop else None,
            limit=limit,
            limit_name=limit_name,
            # An empty stop sequence would match everywhere.
            stops=(stop,) if isinstance(stop, str) else tuple(text for text in stop if text),
            strict=_strict(request.get("tools") or ()),
            parallel=request.get("parallel_tool_calls") is not False,
            usage=bool(request.get("stream") and options.get("include_usage")),
            counts=bool(options.get("continuous_usage_stats")),
            sound="audio" in (request.get("modalities") or ()),
        )


def _limit(request: Json) -> tuple[str, int] | tuple[None, None]:
    for name in LIMITS:
        if request.get(name) is not None:
            return name, int(request[name])
    return None, None


def _strict(tools: list[Json] | tuple[()]) -> dict[str, tuple[int, Json]]:
    functions = ((index, tool.get("function") or {}) for index, tool in enumerate(tools))
    return {
        function["name"]: (index, function["parameters"])
        for index, function in functions
        if function.get("strict") and isinstance(function.get("parameters"), dict)
    }
