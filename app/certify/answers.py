"""Reads answers of servers that may break the contract: a missing value, or one of the wrong type, is None or empty.

Everything is read in the form of a chat completion; the answers of other operations are converted to it.
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
    """An answer in the form of a chat completion, whatever its operation; a streamed answer is assembled from its
    chunks."""
    operation = seen.ask.operation or CHAT
    return operation.joined(seen.events) if seen.is_stream else operation.whole(seen.content)


def choices(seen: Seen) -> list[Json]:
    """The choices of an answer that are objects."""
    return [choice for choice in items(whole(seen), "choices") if isinstance(choice, dict)]


def message(seen: Seen, choice: int = 0) -> Json:
    """The message of a choice, empty if there is none."""
    return members(choices(seen), choice, "message")


def text(seen: Seen, choice: int = 0) -> str:
    """The text of a choice."""
    found = message(seen, choice).get("content")
    return found if isinstance(found, str) else ""


def thoughts(seen: Seen, choice: int = 0) -> str:
    """The reasoning text of a choice, under either of the names that servers use for it."""
    made = message(seen, choice)
    return str(made.get("reasoning_content") or made.get("reasoning") or "")


def said(seen: Seen, choice: int = 0) -> str:
    """Everything in a choice, including reasoning and calls: if two answers differ in anything, they differ in this."""
    made = message(seen, choice)
    return json.dumps([thoughts(seen, choice), text(seen, choice), *_calls_as_text(made)])


def _calls_as_text(made: Json) -> Iterator[str]:
    for call in _listed(made):
        yield json.dumps([get(call, "function"), get(call, "custom")], sort_keys=True)
    if made.get("function_call"):
        yield json.dumps(made["function_call"], sort_keys=True)


def finish(seen: Seen, choice: int = 0) -> str | None:
    """The finish reason of a choice, None if it is not a string."""
    found = get(choices(seen), choice, "finish_reason")
    return found if isinstance(found, str) else None


def count(seen: Seen, *path: str) -> int | None:
    """A number of the token counts."""
    return number(get(whole(seen), "usage", *path))


def calls(seen: Seen, choice: int = 0) -> list[Json]:
    """The tool calls of a choice."""
    return [call for call in _listed(message(seen, choice)) if isinstance(call, dict)]


def _listed(made: Json) -> list[Any]:
    """The calls of a message. Calls assembled from chunks are in a dict by index."""
    found = made.get("tool_calls")
    return [found[key] for key in sorted(found)] if isinstance(found, dict) else items(found)


def called(call: Json) -> str | None:
    """The name of the function or tool that is called."""
    found = get(call, "function", "name") or get(call, "custom", "name")
    return found if isinstance(found, str) else None


def arguments(call: Json) -> Any:
    """The parsed arguments of a call, None if they are not JSON."""
    return parsed(get(call, "function", "arguments"))


def parsed(value: Any) -> Any:
    """The value of a JSON text, None if it is not JSON."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return None


def logprobs(seen: Seen, choice: int = 0) -> list[Any] | None:
    """The tokens of a choice with their log probabilities, None if there are none."""
    found = get(choices(seen), choice, "logprobs", "content")
    return found if isinstance(found, list) else None


def is_logprob(value: Any) -> bool:
    """Whether a value is a log probability: a finite number that is at most 0, apart from rounding."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value <= 1e-6


def joined(tokens: list[Any]) -> str:
    """The text of the joined tokens, from their bytes if present: a character may be split over several tokens."""
    pieces = []
    for token in tokens:
        raw = get(token, "bytes")
        if isinstance(raw, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in raw):
            pieces.append(bytes(raw))
        else:
            pieces.append(str(get(token, "token") or "").encode(errors="replace"))
    return b"".join(pieces).decode(errors="replace")
