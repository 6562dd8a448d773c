"""Text completions: reads the requests and the answers of servers of any dialect.

Answers are converted to the form of a chat, so that they are repaired and guarded in the same way. This module does no
I/O.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...errors import UpstreamFailed
from ...jsontypes import Json
from ..asked import Asked
from ..base import Delta, StreamItem
from .drift import Drift
from .llama_cpp.reader import LlamaReader
from .reading import error_of, parse
from .stream import StreamReader

# JSON has no infinity: an impossible token has this log probability.
_IMPOSSIBLE = -9999.0

_UNREADABLE = "The upstream's answer has log probabilities that cannot be read."


def asked_of(request: Json) -> Asked:
    """Read a request for a completion of one prompt."""
    stop, alternatives = request.get("stop") or (), request.get("logprobs")
    return Asked(
        n=request.get("n", 1),
        alternatives=None if alternatives is None else int(alternatives),
        limit=int(request["max_tokens"]),
        limit_name="max_tokens",
        stops=(stop,) if isinstance(stop, str) and stop else tuple(text for text in stop if text),
        counts=bool((request.get("stream_options") or {}).get("continuous_usage_stats")),
    )


class TextStreamReader(StreamReader):
    """As `StreamReader`, for a text completion. A whole answer is read as one event, so `end` returns its usage."""

    def feed_whole(self, body: bytes) -> Sequence[StreamItem]:
        return self.read(parse(body))

    def read(self, event: Json) -> list[StreamItem]:
        return super().read(_as_chunk(event, self._asked))


class LlamaTextReader(LlamaReader):
    """As `LlamaReader`, for a text completion of an upstream llama.cpp server."""

    def feed_whole(self, body: bytes) -> Sequence[StreamItem]:
        return self.read(parse(body))

    def read(self, event: Json) -> list[StreamItem]:
        return super().read(_as_chunk(event, self._asked))


class EchoReader(TextStreamReader):
    """As `TextStreamReader`, for whole answers that begin with the prompt and have its log probabilities.

    ``heads`` are the prompts, once an answer was read. The request's constraints on an answer do not apply to them.
    """

    def __init__(self, asked: Asked, drift: Drift) -> None:
        super().__init__(asked, drift)
        self.heads: list[Delta] = []

    def feed_whole(self, body: bytes) -> Sequence[StreamItem]:
        answer = parse(body)
        error = error_of(answer, self.secrets)
        if error is not None:
            raise error
        usage: Any = answer.get("usage")
        taken = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        listed = answer.get("choices")
        if not isinstance(taken, int) or not isinstance(listed, list):
            raise UpstreamFailed("The upstream's answer does not show where the repeated prompt ends.")
        return self.read({**answer, "choices": [self._split(choice, taken) for choice in listed]})

    def _split(self, choice: Any, taken: int) -> Json:
        """Return a choice without the prompt, which has ``taken`` tokens, and store the prompt in ``heads``."""
        if not isinstance(choice, dict) or not isinstance(choice.get("text"), str):
            raise UpstreamFailed("The upstream's answer has a choice that cannot be read.")
        entries = _entries(choice.get("logprobs"), self._asked.alternatives)
        if len(entries) < taken:
            raise UpstreamFailed(
                "The upstream's answer does not repeat the prompt, although it was asked to.", param="echo"
            )
        text, made = choice["text"], "".join(entry["token"] for entry in entries[taken:])
        # If a character spans several tokens, the tokens' texts do not add up to the text. The end of the prompt cannot
        # be found then, so the whole text goes with the prompt.
        end = len(text) - len(made) if text.endswith(made) else len(text)
        index = choice.get("index")
        self.heads.append(
            Delta(
                index if isinstance(index, int) else 0,
                {"content": text[:end]},
                None,
                {"content": entries[:taken], "refusal": None},
            )
        )
        return {**choice, "text": text[end:], "logprobs": {"content": entries[taken:], "refusal": None}}


def _as_chunk(event: Json, asked: Asked) -> Json:
    """Convert an event, or a whole answer, to an event of a chat."""
    choices = event.get("choices")
    made = {**event, "object": "chat.completion.chunk"} if event.get("object") == "text_completion" else {**event}
    if isinstance(choices, list):
        made["choices"] = [_as_choice(choice, asked) for choice in choices]
    return made


def _as_choice(choice: Any, asked: Asked) -> Any:
    if not isinstance(choice, dict):
        return choice  # the reader refuses it
    text = choice.get("text")
    if text is not None and not isinstance(text, str):
        raise UpstreamFailed("The upstream's answer has a choice whose text is not a string.")
    made = {name: value for name, value in choice.items() if name != "text"}
    made["delta"] = {"role": "assistant", "content": text or ""}
    if choice.get("logprobs") is not None:
        made["logprobs"] = {"content": _entries(choice["logprobs"], asked.alternatives), "refusal": None}
    return made


def _entries(logprobs: Any, alternatives: int | None) -> list[Any]:
    """Return the log probabilities as a list of entries: servers send parallel lists; llama.cpp sends a chat's form."""
    if not isinstance(logprobs, dict):
        raise UpstreamFailed(_UNREADABLE)
    if isinstance(logprobs.get("content"), list):
        return list(logprobs["content"])
    tokens, values, tops = (logprobs.get(name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if tokens is None and values is None:
        return []
    if not (isinstance(tokens, list) and isinstance(values, list) and len(tokens) == len(values)):
        raise UpstreamFailed(_UNREADABLE)
    others = tops if isinstance(tops, list) and len(tops) == len(tokens) else [None] * len(tokens)
    return [_entry(*each, alternatives or 0) for each in zip(tokens, values, others, strict=True)]


def _entry(token: Any, value: Any, others: Any, alternatives: int) -> Json:
    ranked = sorted(others.items(), key=lambda pair: -_number(pair[1])) if isinstance(others, dict) else []
    if not isinstance(token, str):
        raise UpstreamFailed(_UNREADABLE)
    return {
        "token": token,
        "logprob": None if value is None else _number(value),
        "bytes": None,
        "top_logprobs": [
            {"token": name, "logprob": _number(each), "bytes": None} for name, each in ranked[:alternatives]
        ],
    }


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UpstreamFailed(_UNREADABLE)
    return value if math.isfinite(value) else _IMPOSSIBLE
