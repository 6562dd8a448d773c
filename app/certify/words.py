"""Converts a chat request to one for ``POST /responses``: messages become items, and fields are renamed.

Fields and values that a chat does not have pass unchanged, even invalid ones, so that they reach the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..jsontypes import Json

LOGPROBS = "message.output_text.logprobs"

# Fields that a chat request has and a Responses request does not.
_LACKING = frozenset(
    (
        *("n", "stop", "seed", "logit_bias", "frequency_penalty", "presence_penalty", "max_tokens", "modalities"),
        *("functions", "function_call", "audio", "prediction", "web_search_options"),
    )
)
_OPTIONS_LACKING = frozenset(("include_usage", "continuous_usage_stats"))
_INSIDE = {"reasoning_effort": ("reasoning", "effort"), "verbosity": ("text", "verbosity")}

# Patterns for the paths of a chat request's properties and their replacements here, tried in this order.
_PATHS = (
    (r"^messages\[\]\.(name|audio|function_call)\b.*", ""),
    (r"^messages\[\]\.reasoning_content$", "input[].content"),
    (r"^messages\[\]\.refusal$", "input[].content[].refusal"),
    (r"^messages\[\]\.tool_call_id$", "input[].call_id"),
    (r"^messages\[\]\.tool_calls(\[\]\.(function|custom))?$", "input[].type"),
    (r"^messages\[\]\.tool_calls\[\]\.(type|id)$", "input[].call_id"),
    (r"^messages\[\]\.tool_calls\[\]\.(function|custom)\.", "input[]."),
    (r"^messages\[\]\.content\[\]\.input_audio.*", ""),
    (r"^messages\[\]\.content\[\]\.(image_url\.url|image_url)$", "input[].content[].image_url"),
    (r"^messages\[\]\.content\[\]\.image_url\.detail$", "input[].content[].detail"),
    (r"^messages\[\]\.content\[\]\.file$", "input[].content[].type"),
    (r"^messages\[\]\.content\[\]\.file\.", "input[].content[]."),
    (r"^messages", "input"),
    (r"^max_completion_tokens$", "max_output_tokens"),
    (r"^logprobs$", "include"),
    (r"^response_format(\.json_schema)?$", "text.format"),
    (r"^response_format\.(json_schema\.)?", "text.format."),
    (r"^reasoning_effort$", "reasoning.effort"),
    (r"^verbosity$", "text.verbosity"),
    (r"^tools\[\]\.(function|custom)$", "tools[].type"),
    (r"^tools\[\]\.(function|custom)\.format\.grammar$", "tools[].format"),
    (r"^tools\[\]\.(function|custom)\.(format\.)(grammar\.)?", "tools[].format."),
    (r"^tools\[\]\.(function|custom)\.", "tools[]."),
    (r"^tool_choice\.(function|custom|allowed_tools)$", "tool_choice.type"),
    (r"^tool_choice\.(function|custom|allowed_tools)\.", "tool_choice."),
)


class Unsayable(Exception):
    """A chat request has something that a Responses request cannot have."""


def path_of(path: str) -> str:
    """The path here of a chat request's property; empty if there is none."""
    for pattern, instead in _PATHS:
        told, found = re.subn(pattern, instead, path)
        if found:
            return told
    top, _, inside = path.partition(".")
    return "" if top.removesuffix("[]") in _LACKING or inside in _OPTIONS_LACKING else path


def fields_of(fields: Mapping[str, Any]) -> Json:
    """The fields of a chat request under their names here.

    Raises:
        Unsayable: one has no counterpart.
    """
    made: Json = {}
    for name, value in fields.items():
        if name in _LACKING or (name == "stream_options" and isinstance(value, dict) and _OPTIONS_LACKING & set(value)):
            raise Unsayable(name)
        if name in _INSIDE:
            outer, inner = _INSIDE[name]
            made[outer] = {**made.get(outer, {}), inner: value}
        elif name == "response_format":
            made["text"] = {**made.get("text", {}), "format": _flat(value, "json_schema")}
        elif name == "logprobs":
            made["include"] = [LOGPROBS] if value is True else value
        elif name == "tools" and isinstance(value, list):
            made[name] = [_tool(tool) for tool in value]
        elif name == "tool_choice":
            made[name] = _choice(value)
        elif name == "max_completion_tokens":
            made["max_output_tokens"] = value
        elif name == "messages":
            made["input"] = [*items_of(value)]
        else:
            made[name] = value
    return made


def _flat(value: Any, *names: str) -> Any:
    """An object with its nested object, which has one of the given names, merged into it."""
    if not isinstance(value, dict):
        return value
    name = next((name for name in names if isinstance(value.get(name), dict)), None)
    return value if name is None else {**{k: v for k, v in value.items() if k != name}, **value[name]}


def _tool(tool: Any) -> Any:
    flat = _flat(tool, "function", "custom")
    if isinstance(flat, dict) and isinstance(flat.get("format"), dict):
        return {**flat, "format": _flat(flat["format"], "grammar")}
    if isinstance(flat, dict) and isinstance(flat.get("tools"), list):
        return {**flat, "tools": [_tool(each) for each in flat["tools"]]}  # a namespace, which chats do not have
    return flat


def _choice(value: Any) -> Any:
    flat = _flat(value, "function", "custom", "allowed_tools")
    if isinstance(flat, dict) and isinstance(flat.get("tools"), list):
        return {**flat, "tools": [_tool(tool) for tool in flat["tools"]]}
    return flat


def items_of(messages: Iterable[Any]) -> Iterator[Any]:
    """The items for messages.

    Raises:
        Unsayable: a part of a message has no counterpart.
    """
    kinds: dict[Any, str] = {}
    for message in messages:
        if not isinstance(message, dict):
            yield message
            continue
        role = message.get("role")
        if role == "tool":
            kind = kinds.get(message.get("tool_call_id"), "function_call")
            yield {"type": f"{kind}_output", "call_id": message["tool_call_id"], "output": message["content"]}
            continue
        if thoughts := message.get("reasoning_content"):
            yield {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": thoughts}]}
        if "name" in message or "audio" in message or "function_call" in message or role == "function":
            raise Unsayable("messages")
        content = _content(message, "output_text" if role == "assistant" else "input_text")
        if content is not None or "tool_calls" not in message:
            yield {"role": role, **({} if content is None else {"content": content})}
        for call in message.get("tool_calls") or ():
            kind = "custom_tool_call" if call["type"] == "custom" else "function_call"
            kinds[call["id"]] = kind
            yield {"type": kind, "call_id": call["id"], **call[call["type"]]}


def _content(message: Json, text: str) -> Any:
    content = message.get("content")
    parts = [_part(part, text) for part in content] if isinstance(content, list) else content
    if refusal := message.get("refusal"):
        before = parts if isinstance(parts, list) else [{"type": text, "text": parts}] if parts else []
        return [*before, {"type": "refusal", "refusal": refusal}]
    return parts


def _part(part: Json, text: str) -> Json:
    kind = part["type"]
    marked = {name: part[name] for name in ("prompt_cache_breakpoint",) if name in part}
    if kind == "text":
        return {"type": text, "text": part["text"], **marked}
    if kind == "image_url":
        picture = {name: value for name, value in part["image_url"].items() if name != "url"}
        return {"type": "input_image", "image_url": part["image_url"]["url"], **picture, **marked}
    if kind == "file":
        return {"type": "input_file", **part["file"], **marked}
    if kind == "refusal":
        return part
    raise Unsayable(kind)
