"""Log probabilities of tokens, from llama.cpp's form to the API's."""

from __future__ import annotations

import math
from typing import Any

from ....errors import BadRequest
from ...base import Json

# JSON has no infinity: a token that cannot be has this log probability.
_IMPOSSIBLE = -9999.0


def asked(request: Json) -> int | None:
    """How many alternatives each token is to have; None: no log probabilities are asked for.

    Raises:
        BadRequest: alternatives are asked for without log probabilities.
    """
    count = request.get("top_logprobs")
    if request.get("logprobs"):
        return int(count or 0)
    if count:
        raise BadRequest(
            "top_logprobs needs logprobs: send logprobs true, or leave top_logprobs out.",
            param="top_logprobs",
            code="invalid_value",
        )
    return None


def mend(choice: Json, count: int) -> list[Json]:
    """The entries of a choice of llama.cpp, with ``count`` alternatives each: llama.cpp gives more, unasked."""
    content = (choice.get("logprobs") or {}).get("content")
    return [
        {**_entry(entry), "top_logprobs": [_entry(other) for other in (entry.get("top_logprobs") or ())[:count]]}
        for entry in content or ()
    ]


def last(entries: list[Json], text: str) -> list[Json]:
    """The last of the entries, those of a text: the thoughts before it, and the tags around them, are none of it."""
    left, begin = len(text.encode()), len(entries)
    while left > 0 and begin > 0:
        begin -= 1
        left -= len(entries[begin]["bytes"] or ())
    return entries[begin:]


def joined(entries: list[Json]) -> Json:
    return {"content": entries, "refusal": None}


class Cutter:
    """Ends a text at a stop sequence, token by token.

    llama.cpp keeps tokens back while they may begin a stop sequence, and then gives them as one, with the log
    probability of the last.
    """

    def __init__(self, stops: list[str]) -> None:
        self._stops = stops
        self._held: list[tuple[str, list[Json]]] = []

    def feed(self, text: str, entries: list[Json]) -> tuple[list[tuple[str, list[Json]]], bool]:
        """The texts that can go on, with their entries, and whether a stop sequence was met. A token of which only
        the beginning goes on keeps its entry."""
        self._held.append((text, entries))
        whole = "".join(held for held, _ in self._held)
        found = [place for place in (whole.find(stop) for stop in self._stops) if place >= 0]
        if found:
            return self._release(min(found), whole_tokens=False), True
        kept = max(
            (n for stop in self._stops for n in range(1, min(len(stop), len(whole) + 1)) if whole.endswith(stop[:n])),
            default=0,
        )
        return self._release(len(whole) - kept, whole_tokens=True), False

    def rest(self) -> list[tuple[str, list[Json]]]:
        """What is still held when the text has ended by itself."""
        held, self._held = self._held, []
        return held

    def _release(self, length: int, *, whole_tokens: bool) -> list[tuple[str, list[Json]]]:
        free: list[tuple[str, list[Json]]] = []
        while self._held and length >= (len(self._held[0][0]) if whole_tokens else 1):
            text, entries = self._held.pop(0)
            free.append((text[:length], entries))
            length -= len(text)
        return free


def _entry(entry: Json) -> Json:
    value: Any = entry.get("logprob")
    finite = isinstance(value, int | float) and math.isfinite(value)
    return {
        "token": str(entry.get("token", "")),
        "logprob": float(value) if finite else _IMPOSSIBLE,
        "bytes": [int(byte) for byte in entry.get("bytes") or ()],
    }
