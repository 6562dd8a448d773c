"""Converts a Responses request to a chat request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..chat.nulls import without_nulls
from ..errors import BadRequest
from ..jsontypes import Json
from .conversation import messages_of
from .namespaces import Namespaced, member
from .parameters import KNOWN, LOGPROBS
from .places import Places
from .refusing import refuse

# Parameters with the same name and meaning in both requests.
_SAME = frozenset(
    {
        *("model", "temperature", "top_p", "parallel_tool_calls", "service_tier", "safety_identifier", "user"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has been read: the part of its body that is honoured here, the chat request, the map of the chat
    request's paths to the client's, the paths of what was left out, and the tools in namespaces."""

    body: Json
    chat: Json
    places: Places
    ignored: list[str]
    namespaced: Namespaced = field(default_factory=dict)


def read(body: Json, policy: str) -> Asked:
    """Read a valid request. ``policy`` says how to handle what no model here honours: ``refuse`` or ``warn``.

    Raises:
        UnsupportedParameter: something is not honoured.
        BadRequest: the items form no conversation, or parameters are incompatible.
    """
    body, ignored = refuse(without_nulls(body), policy)
    places = Places()
    # An unknown field may be an extra parameter beyond the API, which the model accepts or refuses.
    chat: Json = {name: body[name] for name in body if name in _SAME or name not in KNOWN}
    chat["messages"] = messages_of(body, places)
    if "max_output_tokens" in body:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    chat |= _logprobs(body) | _text(body.get("text", {}))
    if "effort" in body.get("reasoning", {}):
        chat["reasoning_effort"] = body["reasoning"]["effort"]
    namespaced: dict[str, tuple[str, str]] = {}
    if "tools" in body:
        chat["tools"] = _tools(body["tools"], places, namespaced)
    if "tool_choice" in body:
        chat["tool_choice"] = _choice(body["tool_choice"], places)
    if body.get("stream"):
        # The last event reports the usage.
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return Asked(body, chat, places, ignored, namespaced)


def _logprobs(body: Json) -> Json:
    asked: Json = {"logprobs": True} if LOGPROBS in body.get("include", ()) else {}
    if body.get("top_logprobs"):
        if not asked:
            raise BadRequest(
                f"top_logprobs needs '{LOGPROBS}' in include: send it, or leave top_logprobs out.",
                param="top_logprobs",
                code="invalid_value",
            )
        asked["top_logprobs"] = body["top_logprobs"]
    return asked


def _text(text: Json) -> Json:
    asked: Json = {"verbosity": text["verbosity"]} if "verbosity" in text else {}
    form = text.get("format")
    if form is not None and form["type"] == "json_schema":
        form = {"type": "json_schema", "json_schema": {name: form[name] for name in form if name != "type"}}
    return asked if form is None else {**asked, "response_format": form}


def _tools(given: list[Json], places: Places, namespaced: dict[str, tuple[str, str]]) -> list[Json]:
    """The tools of the chat request, including those in namespaces, which are added to ``namespaced``."""
    tools: list[Json] = []
    for index, tool in enumerate(given):
        place = f"tools[{index}]"
        if tool["type"] != "namespace":
            tools.append(_tool(tool, len(tools), place, places))
            continue
        for number, inner in enumerate(tool["tools"]):
            within = f"{place}.tools[{number}]"
            made = member(tool, inner, within)
            namespaced[made["name"]] = (tool["name"], inner["name"])
            tools.append(_tool(made, len(tools), within, places))
    return tools


def _tool(tool: Json, index: int, place: str, places: Places) -> Json:
    kind = tool["type"]
    places.note(f"tools[{index}]", place)
    places.note(f"tools[{index}].{kind}", place)
    if kind == "function":
        return {
            "type": kind,
            kind: {name: tool[name] for name in ("name", "description", "parameters", "strict") if name in tool},
        }
    custom = {name: tool[name] for name in ("name", "description", "format") if name in tool}
    form = custom.get("format")
    if form is not None and form["type"] == "grammar":
        places.note(f"tools[{index}].custom.format.grammar", f"{place}.format")
        grammar = {"syntax": form["syntax"], "definition": form["definition"]}
        custom["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": kind, kind: custom}


def _choice(choice: Any, places: Places) -> Any:
    if isinstance(choice, str):
        return choice
    if choice["type"] != "allowed_tools":
        return _reference(choice)
    for index, reference in enumerate(choice["tools"]):
        for kind in ("function", "custom"):
            if reference.get("type") == kind:
                at = f"tools[{index}]"
                places.note(f"tool_choice.allowed_tools.{at}.{kind}", f"tool_choice.{at}")
    allowed = {"mode": choice["mode"], "tools": [_reference(tool) for tool in choice["tools"]]}
    return {"type": "allowed_tools", "allowed_tools": allowed}


def _reference(tool: Json) -> Json:
    """A reference to a tool in the chat's form; anything else stays as it is, and the chat domain refuses it."""
    kind, name = tool.get("type"), tool.get("name")
    return {"type": kind, kind: {"name": name}} if kind in ("function", "custom") else tool
