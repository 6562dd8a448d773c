"""The operations that a server is probed for: the path of each, how to build its requests, and how to read its answers.

Requests are described as chat requests and answers are read in the form of a chat, so that a probe that applies to
several operations is written only once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..jsontypes import Json
from . import words
from .readers import chats, responses, texts, vectors

# A prompt: a user's text, or the operation's form of a longer conversation.
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

    ``asks`` is the field for the prompt, ``hello`` is the prompt of a plain request, and ``limits`` are the fields for
    the maximum of tokens of an answer, whose value must be at least ``fewest``. ``holds`` is the list that every whole
    answer has. ``media`` are the kinds of answers, the whole one first, with their media types. ``prompt`` and
    ``fields`` convert those of a chat to the operation's own, or raise `words.Unsayable`; ``path_of`` converts the path
    of a chat property, and returns an empty string if there is no counterpart. ``whole`` and ``joined`` read answers.
    ``ends`` are the events that its streams end with, if not with ``[DONE]``.
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
        """Whether answers may be streamed."""
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
    # A text that every model continues, because it breaks off in the middle.
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
    # Only for this operation does the contract have a minimum of tokens.
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
    """The operation with a path, None if there is none."""
    return _BY_PATH.get(path)
