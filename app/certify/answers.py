"""Reads answers of servers that may break the contract: what is not there, or is something else, is None or empty.

All is read in the form of a chat completion, which the answers of other operations are brought into.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from ..jsontypes import Json
from .exchange import Seen
from .operations import CHAT
from .values import get, items, members, number


def whole(seen: Seen) -> Json:
    """An answer in the form of a chat completion, whichever operation it is of; that of a stream is put together from
    its pieces."""
    operation = seen.ask.operation or CHAT
    return operation.joined(seen.events) if seen.is_stream else operation.whole(seen.content)


def choices(seen: Seen) -> list[Json]:
    """The choices of an answer that are objects."""
    return [choice for choice in items(whole(seen), "choices") if isinstance(choice, dict)]


def message(seen: Seen, choice: int = 0) -> Json:
    """The message of a choice, which is empty where there is none."""
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
    """The finish reason of a choice, None where it is no text."""
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
    """Whether a value is a log probability: a finite number that is at most 0, but for rounding."""
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
