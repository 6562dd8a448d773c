"""Reads answers of servers that may break the contract: what is not there, or is something else, is None or empty."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from ..jsontypes import Json
from .exchange import Seen


def get(value: Any, *path: str | int) -> Any:
    """What stands at a path of a JSON value, None where nothing does."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def items(value: Any, *path: str | int) -> list[Any]:
    """The list at a path of a JSON value, empty where there is none."""
    found = get(value, *path)
    return found if isinstance(found, list) else []


def members(value: Any, *path: str | int) -> Json:
    """The object at a path of a JSON value, empty where there is none."""
    found = get(value, *path)
    return found if isinstance(found, dict) else {}


def number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def whole(seen: Seen) -> Json:
    """The completion of an answer; that of a stream is put together from its chunks."""
    if not seen.is_stream:
        return members(seen.content)
    choices: dict[int, Json] = {}
    made: Json = {}
    for event in seen.events:
        made |= {name: value for name, value in members(event).items() if name != "choices" and value is not None}
        for choice in items(event, "choices"):
            _add(choices.setdefault(number(get(choice, "index")) or 0, {"message": {}}), choice)
    made["choices"] = [{"index": index, **choice} for index, choice in sorted(choices.items())]
    return made


def _add(made: Json, choice: Any) -> None:
    message: Json = made["message"]
    for name, value in members(choice, "delta").items():
        if name == "tool_calls":
            for piece in items(value):
                # A piece without a number is the first call's, and none has more calls than pieces.
                calls = message.setdefault("tool_calls", {})
                _merge(calls.setdefault(number(get(piece, "index")) or 0, {}), piece)
        elif name == "function_call":
            _merge(message.setdefault("function_call", {}), value)
        elif name in ("content", "reasoning_content", "refusal"):
            if isinstance(value, str):
                message[name] = message.get(name, "") + value
        elif value is not None:
            message[name] = value
    if get(choice, "finish_reason") is not None:
        made["finish_reason"] = choice["finish_reason"]
    tokens = get(choice, "logprobs", "content")
    if isinstance(tokens, list):
        made.setdefault("logprobs", {"content": []})["content"] += tokens


def _merge(made: Json, piece: Any) -> None:
    for name, value in members(piece).items():
        if isinstance(value, dict):
            _merge(made.setdefault(name, {}) if isinstance(made.get(name, {}), dict) else {}, value)
        elif name in ("arguments", "input") and isinstance(value, str):
            made[name] = str(made.get(name, "")) + value
        elif value is not None:
            made[name] = value


def choices(seen: Seen) -> list[Json]:
    return [choice for choice in items(whole(seen), "choices") if isinstance(choice, dict)]


def message(seen: Seen, choice: int = 0) -> Json:
    return members(choices(seen), choice, "message")


def text(seen: Seen, choice: int = 0) -> str:
    """The text of a choice."""
    found = message(seen, choice).get("content")
    return found if isinstance(found, str) else ""


def thoughts(seen: Seen, choice: int = 0) -> str:
    """The thoughts of a choice, by either of the names that servers have for them."""
    made = message(seen, choice)
    return str(made.get("reasoning_content") or made.get("reasoning") or "")


def said(seen: Seen, choice: int = 0) -> str:
    """All that a choice says, thoughts and calls too: two answers that differ in anything differ in this."""
    made = message(seen, choice)
    return json.dumps([thoughts(seen, choice), text(seen, choice), *_calls_as_text(made)])


def _calls_as_text(made: Json) -> Iterator[str]:
    for call in _listed(made):
        yield json.dumps([get(call, "function"), get(call, "custom")], sort_keys=True)
    if made.get("function_call"):
        yield json.dumps(made["function_call"], sort_keys=True)


def finish(seen: Seen, choice: int = 0) -> str | None:
    found = get(choices(seen), choice, "finish_reason")
    return found if isinstance(found, str) else None


def count(seen: Seen, *path: str) -> int | None:
    """A number of the token counts."""
    return number(get(whole(seen), "usage", *path))


def calls(seen: Seen, choice: int = 0) -> list[Json]:
    """The tool calls of a choice."""
    return [call for call in _listed(message(seen, choice)) if isinstance(call, dict)]


def _listed(made: Json) -> list[Any]:
    """The calls of a message, which stand by number where they came in pieces."""
    found = made.get("tool_calls")
    return [found[key] for key in sorted(found)] if isinstance(found, dict) else items(found)


def called(call: Json) -> str | None:
    """The name of what a call is of."""
    found = get(call, "function", "name") or get(call, "custom", "name")
    return found if isinstance(found, str) else None


def arguments(call: Json) -> Any:
    """The arguments of a call, None where they are no JSON."""
    return parsed(get(call, "function", "arguments"))


def parsed(value: Any) -> Any:
    """The value of a JSON text, None if it is none."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return None


def logprobs(seen: Seen, choice: int = 0) -> list[Any] | None:
    """The tokens of a choice with their log probabilities, None where there are none."""
    found = get(choices(seen), choice, "logprobs", "content")
    return found if isinstance(found, list) else None


def is_logprob(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value <= 1e-6


def joined(tokens: list[Any]) -> str:
    """The text that tokens come to, by their bytes where they have them: a character may be in several."""
    pieces = []
    for token in tokens:
        raw = get(token, "bytes")
        if isinstance(raw, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in raw):
            pieces.append(bytes(raw))
        else:
            pieces.append(str(get(token, "token") or "").encode(errors="replace"))
    return b"".join(pieces).decode(errors="replace")
