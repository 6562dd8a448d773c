"""Conversations in a form that the model's template can show.

Templates know few orders of roles: some take one system message, or none, or want users and assistants to alternate;
some refuse what they do not know, and others leave it out without a word. So what a template makes of a conversation's
roles is found out with marks in the place of its texts, and where one of them is missing the conversation is put in
other words that mean the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ...jsontypes import Json
from ..constraints.binding import MARK
from .frames import Render

# How many forms of conversations are remembered.
_REMEMBERED = 1024
_LONGEST_PERIOD = 8

_SHORT_ID = 9

# Says nothing, in the place of somebody who must have spoken.
_NOTHING = "."
_BETWEEN = "\n\n"

_TOOL: Json = {"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}}}


@dataclass(frozen=True, slots=True)
class _Turn:
    """What matters of a message: its role, whether it has a text, how many calls, how long their ids are, and whether
    these have more than letters and digits, or not all one length."""

    role: str
    says: bool
    calls: int = 0
    id_length: int = 0
    odd_ids: bool = False


class Conversation:
    """What the template behind ``render`` can show."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._shown: dict[tuple[tuple[_Turn, ...], bool], bool] = {}

    async def fitted(self, messages: list[Json], *, tools: bool) -> list[Json]:
        """The messages, in another form where the template cannot show them as they are; as they are where it can show
        them in none. ``tools``: the template is given tools."""
        if [message["role"] for message in messages] == ["user"]:
            return messages
        if await self._shows(messages, tools=tools):
            return messages
        fitted = messages
        for fit in (None, *_FITS):
            changed = messages if fit is None else fit(fitted)
            if fit is not None and changed == fitted:
                continue
            fitted = changed
            if await self._shows(fitted, tools=tools, beside_calls=False):
                return await self._with_words(fitted, tools=tools)
        return messages

    async def _with_words(self, messages: list[Json], *, tools: bool) -> list[Json]:
        """Messages with what is said beside calls, which many templates leave out, before these where that helps."""
        apart = _words_apart(messages)
        if len(apart) == len(messages) or await self._shows(messages, tools=tools):
            return messages
        return apart if await self._shows(apart, tools=tools) else messages

    async def _shows(self, messages: list[Json], *, tools: bool, beside_calls: bool = True) -> bool:
        form = tuple(_shortened(_turn(message, beside_calls) for message in messages))
        if (form, tools) not in self._shown:
            if len(self._shown) >= _REMEMBERED:
                self._shown.clear()
            marked = list(_marked(form))
            kwargs = {"tools": [_TOOL]} if tools else {}
            prompt = await self._render({"messages": marked, "chat_template_kwargs": kwargs})
            self._shown[form, tools] = prompt is not None and all(mark in prompt for mark in _marks(marked))
        return self._shown[form, tools]


def _turn(message: Json, beside_calls: bool) -> _Turn:
    calls = message.get("tool_calls") or ()
    says = bool(message.get("content")) and (beside_calls or not calls)
    ids = [call["id"] or "" for call in calls]
    odd = len({*map(len, ids)}) > 1 or any(not (each.isascii() and each.isalnum()) for each in ids if each)
    return _Turn(message["role"], says, len(calls), max(map(len, ids), default=0), odd)


def _shortened(turns: Iterator[_Turn]) -> list[_Turn]:
    """Turns without what repeats itself: a hundred questions and answers are like two."""
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
    return kept


def _marked(form: tuple[_Turn, ...]) -> Iterator[Json]:
    """Messages of a form, with marks as texts and as names of functions."""
    open_calls: list[Json] = []
    for at, turn in enumerate(form):
        message: Json = {"role": turn.role, "content": f"x{at}x" if turn.says else ""}
        if turn.calls:
            open_calls = [
                {
                    "id": _marked_id(f"{at:03}{number:03}", turn),
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


def _marked_id(number: str, turn: _Turn) -> str:
    made = number.ljust(turn.id_length, "0")[-turn.id_length :]
    return f"_{made[1:]}" if turn.odd_ids else made


def _marks(messages: list[Json]) -> Iterator[str]:
    for message in messages:
        if message["content"]:
            yield message["content"]
        for call in message.get("tool_calls", ()):
            yield call["function"]["name"]


def _short_ids(messages: list[Json]) -> list[Json]:
    """Ids of calls as Mistral's templates demand them."""

    def short(call_id: str | None) -> str:
        return hashlib.blake2b((call_id or "").encode(), digest_size=8).hexdigest()[:_SHORT_ID]

    result: list[Json] = []
    for message in messages:
        if message.get("tool_calls"):
            message = {**message, "tool_calls": [{**call, "id": short(call["id"])} for call in message["tool_calls"]]}
        if message.get("tool_call_id"):
            message = {**message, "tool_call_id": short(message["tool_call_id"])}
        result.append(message)
    return result


def _words_apart(messages: list[Json]) -> list[Json]:
    """What is said beside a call in a message of its own."""
    result: list[Json] = []
    for message in messages:
        if message.get("tool_calls") and message["content"]:
            result.append({"role": message["role"], "content": message["content"]})
            message = {**message, "content": ""}
        result.append(message)
    return result


def _one_system(messages: list[Json]) -> list[Json]:
    """The system messages at the beginning as one; later ones are the user's."""
    begin = next((at for at, message in enumerate(messages) if message["role"] != "system"), len(messages))
    first = [_joined("system", messages[:begin])] if begin else []
    later = [{**message, "role": "user"} if message["role"] == "system" else message for message in messages[begin:]]
    return first + later


def _alternating(messages: list[Json]) -> list[Json]:
    """Neighbours of one role as one, and the user speaks first and last."""
    result: list[Json] = []
    for message in messages:
        last = result[-1] if result else None
        if last is not None and last["role"] == message["role"] != "tool" and not last.get("tool_calls"):
            result[-1] = {**message, **_joined(message["role"], [last, message])}
        else:
            if message["role"] == "assistant" and (last is None or last["role"] == "system"):
                result.append({"role": "user", "content": _NOTHING})
            result.append(message)
    if result[-1]["role"] in ("assistant", "system"):
        result.append({"role": "user", "content": _NOTHING})
    return result


def _no_system(messages: list[Json]) -> list[Json]:
    """What the system says, said by the user."""
    return _alternating([{**each, "role": "user"} if each["role"] == "system" else each for each in messages])


def _call_as_words(function: Json) -> str:
    return f'{MARK}\n{{"name": {json.dumps(function["name"])}, "arguments": {function["arguments"]}}}\n</tool_call>'


def _calls_as_words(messages: list[Json]) -> list[Json]:
    """Calls and their results as what the assistant and the user say."""
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
            message = _joined("user", [{"content": f"Result of {name}:"}, message])
        result.append(message)
    return _alternating(result)


_FITS: tuple[Callable[[list[Json]], list[Json]], ...] = (
    _short_ids,
    _one_system,
    _alternating,
    _no_system,
    _calls_as_words,
)


def _joined(role: str, messages: list[Json]) -> Json:
    """One message of what several say, parts of pictures and sounds where some have them."""
    contents = [message["content"] for message in messages if message["content"]]
    if all(isinstance(content, str) for content in contents):
        return {"role": role, "content": _BETWEEN.join(contents)}
    parts: list[Json] = []
    for content in contents:
        parts += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {"role": role, "content": parts}
