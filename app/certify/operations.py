"""The operations that a server is asked for: where each is, how it is asked, and how its answers are read.

Requests are told in the words of a chat and answers read in its form, so that a probe which means something to several
operations is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..jsontypes import Json
from . import words
from .readers import chats, responses, texts, vectors

# A prompt: text of somebody's, or what an operation has for a longer one.
Prompt = str | Sequence[Any]


def _as_messages(prompt: Prompt) -> Any:
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def _as_items(prompt: Prompt) -> Any:
    return prompt if isinstance(prompt, str) else [*words.items_of(prompt)]


def _plain(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation.

    ``asks`` is the field of what is asked, ``hello`` what a plain request asks, and ``limits`` are those for the most
    tokens of an answer, where it takes ``fewest`` at least. ``holds`` is the list that every whole answer has.
    ``media`` are the kinds of answers, the whole one first, with their media types. ``prompt`` and ``fields`` turn a
    chat's into its own, or raise `words.Unsayable`; ``path_of`` tells what a chat's property is called in it, with an
    empty text where there is none. ``whole`` and ``joined`` read answers. ``ends`` are the events that its streams end
    with, if not with ``[DONE]``.
    """

    name: str
    path: str
    asks: str
    holds: str
    media: Mapping[str, str]
    hello: str = "Hello! Who are you?"
    limits: tuple[str, ...] = ()
    fewest: int = 1
    prompt: Callable[[Prompt], Any] = _plain
    fields: Callable[[Mapping[str, Any]], Json] = dict
    path_of: Callable[[str], str] = str
    whole: Callable[[Any], Json] = chats.whole
    joined: Callable[[Sequence[Any]], Json] = chats.joined
    ends: tuple[str, ...] = ()

    @property
    def streams(self) -> bool:
        """Whether answers may come in pieces."""
        return "text/event-stream" in self.media.values()


_JSON, _EVENTS = "application/json", "text/event-stream"

CHAT = Operation(
    "chat",
    "/chat/completions",
    "messages",
    "choices",
    {"completion": _JSON, "chunk": _EVENTS},
    limits=("max_completion_tokens", "max_tokens"),
    prompt=_as_messages,
)

COMPLETIONS = Operation(
    "completions",
    "/completions",
    "prompt",
    "choices",
    {"completion": _JSON, "chunk": _EVENTS},
    # A text with an end that no model takes for one.
    " ".join(("The quick brown fox jumps over the lazy dog.",) * 2) + " The quick",
    ("max_tokens",),
    path_of=lambda path: "prompt" if path == "messages" else path,
    whole=texts.whole,
    joined=texts.joined,
)

EMBEDDINGS = Operation(
    "embeddings",
    "/embeddings",
    "input",
    "data",
    {"embeddings": _JSON},
    whole=vectors.whole,
    joined=vectors.joined,
)

RESPONSES = Operation(
    "responses",
    "/responses",
    "input",
    "output",
    {"response": _JSON, "event": _EVENTS},
    limits=("max_output_tokens",),
    # The contract has a least number of tokens for it alone.
    fewest=16,
    prompt=_as_items,
    fields=words.fields_of,
    path_of=words.path_of,
    whole=responses.whole,
    joined=responses.joined,
    ends=responses.ENDS,
)

OPERATIONS = (CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES)
_BY_PATH = {operation.path: operation for operation in OPERATIONS}


def operation_at(path: str) -> Operation | None:
    """The operation of a path, None if it is another's."""
    return _BY_PATH.get(path)
