"""Reads text completions, whole or in chunks: a choice's text becomes the content of a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...jsontypes import Json
from ..values import get, items, members, number


def whole(content: Any) -> Json:
    """A text completion as a chat completion."""
    return joined([content])


def joined(events: Sequence[Any]) -> Json:
    """A streamed text completion as a chat completion, assembled from its chunks."""
    choices: dict[int, Json] = {}
    made: Json = {}
    for event in events:
        made |= {name: value for name, value in members(event).items() if name != "choices" and value is not None}
        for choice in items(event, "choices"):
            _add(choices.setdefault(number(get(choice, "index")) or 0, {"message": {"content": ""}}), choice)
    made["choices"] = [{"index": index, **choice} for index, choice in sorted(choices.items())]
    return made


def _add(made: Json, choice: Any) -> None:
    text = get(choice, "text")
    if isinstance(text, str):
        made["message"]["content"] += text
    if get(choice, "finish_reason") is not None:
        made["finish_reason"] = choice["finish_reason"]
    lists = get(choice, "logprobs")
    if isinstance(lists, dict):
        made.setdefault("logprobs", {"content": []})["content"] += [*_tokens(lists)]


def _tokens(lists: Json) -> list[Json]:
    """The tokens of a choice with their log probabilities, from the parallel lists of a text completion."""
    logprobs, tops = items(lists, "token_logprobs"), items(lists, "top_logprobs")
    return [
        {
            "token": token,
            "logprob": get(logprobs, index),
            "top_logprobs": [{"token": name, "logprob": value} for name, value in members(tops, index).items()],
            "offset": get(items(lists, "text_offset"), index),
        }
        for index, token in enumerate(items(lists, "tokens"))
    ]
