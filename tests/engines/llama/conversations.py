"""Conversations, and what templates demand of them or leave out without a word."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from app.jsontypes import Json

from .templates import Template, told

Messages = list[Json]


def says(role: str, text: str) -> Json:
    return {"role": role, "content": text}


def calls(*ids: str, text: str = "") -> Json:
    made = [{"id": each, "type": "function", "function": {"name": "look_up", "arguments": "{}"}} for each in ids]
    return {"role": "assistant", "content": text, "tool_calls": made}


def result(call_id: str, text: str) -> Json:
    return {"role": "tool", "content": text, "tool_call_id": call_id, "name": "look_up"}


def texts(messages: Messages) -> list[str]:
    """What is said, in order, but for what says nothing."""
    found = []
    for message in messages:
        content = message["content"]
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        found += [part.get("text") or part[part["type"]] for part in parts]
    return [text for text in found if text not in ("", ".")]


def chat(payload: Json) -> str:
    """Shows all that it is given."""
    lines = [json.dumps(told(payload, "tools"))]
    for message in payload["messages"]:
        lines.append(f"{message['role']} {message.get('tool_call_id')}: {' '.join(map(str, texts([message])))}")
        lines += [f"{call['id']} calls {call['function']['name']}" for call in message.get("tool_calls", ())]
    return "\n".join(lines)


def refusing(demand: Callable[[Messages], bool]) -> Template:
    return lambda payload: chat(payload) if demand(payload["messages"]) else None


def without(left_out: Callable[[Json], Json | None]) -> Template:
    """Leaves something out without a word."""

    def template(payload: Json) -> str:
        kept = [left_out(message) for message in payload["messages"]]
        return chat({**payload, "messages": [message for message in kept if message is not None]})

    return template


def roles(messages: Messages) -> list[str]:
    return [message["role"] for message in messages]


def one_system(messages: Messages) -> bool:
    return roles(messages).count("system") <= 1


def system_first(messages: Messages) -> bool:
    return "system" not in roles(messages)[1:]


def no_system(messages: Messages) -> bool:
    return "system" not in roles(messages)


def alternating(messages: Messages) -> bool:
    turns = [each["role"] for each in messages if each["role"] in ("user", "assistant") and not each.get("tool_calls")]
    return all(role == ("user", "assistant")[at % 2] for at, role in enumerate(turns))


def user_first(messages: Messages) -> bool:
    return next((role for role in roles(messages) if role != "system"), "user") == "user"


def short_ids(messages: Messages) -> bool:
    ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    ids += [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    return all(re.fullmatch("[a-zA-Z0-9]{9}", each) for each in ids)


def mistral(messages: Messages) -> bool:
    return system_first(messages) and alternating(messages) and short_ids(messages)


def gemma(messages: Messages) -> bool:
    return no_system(messages) and alternating(messages)


def user_alone(message: Json) -> Json | None:
    return message if message["role"] == "user" else None


def no_tools(message: Json) -> Json | None:
    if message["role"] == "tool":
        return None
    return {name: value for name, value in message.items() if name != "tool_calls"}


def no_calls(message: Json) -> Json | None:
    return {name: value for name, value in message.items() if name != "tool_calls"}


def no_results(message: Json) -> Json | None:
    return None if message["role"] == "tool" else message


def no_words_beside(message: Json) -> Json | None:
    return {**message, "content": ""} if message.get("tool_calls") else message


def no_system_shown(message: Json) -> Json | None:
    return None if message["role"] == "system" else message


DEMANDS = (one_system, system_first, no_system, alternating, user_first, short_ids, mistral, gemma)
SILENT = (no_tools, no_calls, no_results, no_words_beside, no_system_shown)
TEMPLATES: dict[str, Template] = {
    **{each.__name__: refusing(each) for each in DEMANDS},
    **{each.__name__: without(each) for each in SILENT},
    "gemma without tools": lambda payload: (
        without(no_tools)(payload) if gemma([each for each in payload["messages"] if each["role"] != "tool"]) else None
    ),
}
