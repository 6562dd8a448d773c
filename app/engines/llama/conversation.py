"""Conversations in a form that the model's template can show.

Templates support few orders of roles. Some accept one system message, or none, or require users and assistants to
alternate. Some refuse what they do not support, and others silently omit it. So the template first renders the
conversation's roles with marks in place of its texts. If a mark is missing in the prompt, the conversation is rewritten
in another form with the same meaning.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...jsontypes import Json
from ..constraints.binding import MARK
from .frames import Render

# How many forms of conversations are cached.
_REMEMBERED = 1024
_LONGEST_PERIOD = 8
# A form has a limited length, whatever the length of the conversation.
_LONGEST_FORM = 64
_MOST_CALLS = 4

_SHORT = re.compile("[a-zA-Z0-9]{9}")

# The text of a message that is only there because the template requires one.
_NOTHING = "."
_BETWEEN = "\n\n"

_TOOL: Json = {"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}}}


@dataclass(frozen=True, slots=True)
class _Turn:
    """The relevant properties of a message: its role, whether it has a text, how many calls it has, and whether all
    their ids have the form that Mistral's templates require."""

    role: str
    says: bool
    calls: int = 0
    short_ids: bool = False


class Conversation:
    """Finds the form of a conversation that the template behind ``render`` can show."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._shown: dict[tuple[tuple[_Turn, ...], bool], bool] = {}

    async def fitted(self, messages: list[Json], *, tools: bool) -> list[Json]:
        """Return the messages in the first form that the template can show. If it can show none, return them
        unchanged. ``tools``: the template gets tools."""
        if [message["role"] for message in messages] == ["user"]:
            return messages
        forms = [messages]
        for fit in _FITS:
            changed = fit(forms[-1])
            if changed != forms[-1]:
                forms.append(changed)
        ways = [way for form in forms for way in (form, _words_apart(form))]
        for form in (*ways, *map(_calls_as_words, forms)):
            if await self._shows(form, tools=tools):
                return form
        return messages

    async def _shows(self, messages: list[Json], *, tools: bool) -> bool:
        form = _shortened(map(_turn, messages))
        if (form, tools) not in self._shown:
            if len(self._shown) >= _REMEMBERED:
                self._shown.clear()
            marked = list(_marked(form))
            kwargs = {"tools": [_TOOL]} if tools else {}
            prompt = await self._render({"messages": marked, "chat_template_kwargs": kwargs})
            self._shown[form, tools] = prompt is not None and all(mark in prompt for mark in _marks(marked))
        return self._shown[form, tools]


def _turn(message: Json) -> _Turn:
    calls = message.get("tool_calls") or ()
    short = bool(calls) and all(_SHORT.fullmatch(call["id"] or "") for call in calls)
    return _Turn(message["role"], bool(message.get("content")), min(len(calls), _MOST_CALLS), short)


def _shortened(turns: Iterable[_Turn]) -> tuple[_Turn, ...]:
    """Return turns without repetitions: a hundred questions and answers become two. If the result is still too long,
    only its first and last turns are kept."""
    kept: list[_Turn] = []
    for turn in turns:
        kept.append(turn)
        if kept[-3:] == [turn] * 3:
            kept.pop()
            continue
        for period in range(2, _LONGEST_PERIOD + 1):
            if len(kept) >= 2 * period and kept[-period:] == kept[-2 * period : -period]:
                del kept[-period:]
                break
    return tuple(kept if len(kept) <= _LONGEST_FORM else kept[: _LONGEST_FORM // 2] + kept[-_LONGEST_FORM // 2 :])


def _marked(form: tuple[_Turn, ...]) -> Iterator[Json]:
    """Yield messages of a form, with marks as texts and as names of functions."""
    open_calls: list[Json] = []
    for at, turn in enumerate(form):
        message: Json = {"role": turn.role, "content": f"x{at}x" if turn.says else ""}
        if turn.calls:
            open_calls = [
                {
                    "id": f"{at:04}{number:05}" if turn.short_ids else f"call_{at}_{number}",
                    "type": "function",
                    "function": {"name": f"f{at}f", "arguments": "{}"},
                }
                for number in range(turn.calls)
            ]
            message["tool_calls"] = [*open_calls]
        if turn.role == "tool" and open_calls:
            call = open_calls.pop(0) if len(open_calls) > 1 else open_calls[0]
            message |= {"tool_call_id": call["id"], "name": call["function"]["name"]}
        yield message


def _marks(messages: list[Json]) -> Iterator[str]:
    for message in messages:
        if message["content"]:
            yield message["content"]
        for call in message.get("tool_calls", ()):
            yield call["function"]["name"]


def _short_ids(messages: list[Json]) -> list[Json]:
    """Give calls ids in the form that Mistral's templates require."""

    def short(call_id: str | None) -> str:
        return hashlib.blake2b((call_id or "").encode(), digest_size=8).hexdigest()[:9]

    result: list[Json] = []
    for message in messages:
        if message.get("tool_calls"):
            message = {**message, "tool_calls": [{**call, "id": short(call["id"])} for call in message["tool_calls"]]}
        if message.get("tool_call_id"):
            message = {**message, "tool_call_id": short(message["tool_call_id"])}
        result.append(message)
    return result


def _words_apart(messages: list[Json]) -> list[Json]:
    """Move a text beside a call into a separate message."""
    result: list[Json] = []
    for message in messages:
        if message.get("tool_calls") and message["content"]:
            result.append({"role": message["role"], "content": message["content"]})
            message = {**message, "content": ""}
        result.append(message)
    return result


def _one_system(messages: list[Json]) -> list[Json]:
    """Merge the system messages at the beginning into one; turn later ones into user messages."""
    begin = next((at for at, message in enumerate(messages) if message["role"] != "system"), len(messages))
    first = [_joined("system", messages[:begin])] if begin else []
    later = [{**message, "role": "user"} if message["role"] == "system" else message for message in messages[begin:]]
    return first + later


def _alternating(messages: list[Json]) -> list[Json]:
    """Merge neighbouring messages of the same role, and make the user's message the first and the last one."""
    result: list[Json] = []
    for message in messages:
        last = result[-1] if result else None
        if last is not None and last["role"] == message["role"] != "tool" and not last.get("tool_calls"):
            joined = _joined(message["role"], [last, message])
            result[-1] = {**joined, "tool_calls": message["tool_calls"]} if message.get("tool_calls") else joined
        else:
            if message["role"] == "assistant" and (last is None or last["role"] == "system"):
                result.append({"role": "user", "content": _NOTHING})
            result.append(message)
    if result[-1]["role"] in ("assistant", "system"):
        result.append({"role": "user", "content": _NOTHING})
    return result


def _no_system(messages: list[Json]) -> list[Json]:
    """Turn system messages into user messages."""
    return _alternating([{**each, "role": "user"} if each["role"] == "system" else each for each in messages])


def _call_as_words(function: Json) -> str:
    return f'{MARK}\n{{"name": {json.dumps(function["name"])}, "arguments": {function["arguments"]}}}\n</tool_call>'


def _calls_as_words(messages: list[Json]) -> list[Json]:
    """Turn calls and their results into texts of the assistant and the user."""
    result: list[Json] = []
    names: dict[Any, str] = {}
    for message in messages:
        if message.get("tool_calls"):
            functions = [call["function"] for call in message["tool_calls"]]
            names |= {call.get("id"): call["function"]["name"] for call in message["tool_calls"]}
            texts = [message["content"], *map(_call_as_words, functions)]
            message = {"role": "assistant", "content": _BETWEEN.join(text for text in texts if text)}
        elif message["role"] == "tool":
            name = names.get(message.get("tool_call_id")) or message.get("name") or "the call"
            message = _joined("user", [{"content": f"Result of {name}:"}, {"content": message["content"]}])
        result.append(message)
    return _alternating(result)


_FITS: tuple[Callable[[list[Json]], list[Json]], ...] = (
    _short_ids,
    _one_system,
    _alternating,
    _no_system,
)


def _joined(role: str, messages: list[Json]) -> Json:
    """Merge several messages into one, with the image and audio parts of those that have them. If the messages have
    different names, each text begins with its name."""
    names = {message.get("name") for message in messages}
    contents = [_named(message) if len(names) > 1 else message["content"] for message in messages if message["content"]]
    joined: Json = {"role": role}
    thoughts = [message["reasoning_content"] for message in messages if message.get("reasoning_content")]
    if thoughts:
        joined["reasoning_content"] = _BETWEEN.join(thoughts)
    if len(names) == 1 and (name := names.pop()) is not None:
        joined["name"] = name
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) == len(contents):
        return {**joined, "content": _BETWEEN.join(texts)}
    parts: list[Json] = []
    for content in contents:
        parts += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**joined, "content": parts}


def _named(message: Json) -> str | list[Json]:
    """Return a message's content with the speaker's name before it."""
    name, content = message.get("name"), message["content"]
    if name is None:
        return content  # type: ignore[no-any-return]  # a text or a list of parts
    return f"{name}: {content}" if isinstance(content, str) else [{"type": "text", "text": f"{name}:"}, *content]
