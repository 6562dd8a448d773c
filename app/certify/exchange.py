"""One request to the server that is looked at, and what was seen of its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..jsontypes import Json
from .operations import CHAT, Operation, operation_at
from .values import get

# What a note quotes of an answer at most, in characters.
_QUOTED = 80


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. ``body`` is a JSON value, or bytes that are sent as they are; ``turn`` tells repetitions apart, which
    are else asked once. ``key``: the right one, none or a wrong one."""

    body: Any = None
    method: Literal["GET", "POST", "DELETE"] = "POST"
    path: str = CHAT.path
    key: Literal["own", "none", "wrong"] = "own"
    media_type: str = "application/json"
    turn: int = 0

    @property
    def same(self) -> str:
        """What two requests have in common that need be sent once only."""
        body = self.body.decode(errors="replace") if isinstance(self.body, bytes) else json.dumps(self.body)
        return "\n".join((self.method, self.path, self.key, self.media_type, str(self.turn), body))

    @property
    def operation(self) -> Operation | None:
        """The operation that is asked for, None if it is none of those that models answer."""
        return operation_at(self.path)

    def __str__(self) -> str:
        """The request in a line, without its conversation."""
        if not isinstance(self.body, dict):
            return f"{self.method} {self.path}"
        hidden = ("model", CHAT.asks if self.operation is None else self.operation.asks)
        shown = {name: value for name, value in self.body.items() if name not in hidden}
        return f"{self.method} {self.path} {shortened(json.dumps(shown, ensure_ascii=False), 160)}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer. ``param`` is as the server gives it, ``message`` for people."""

    status: int
    code: str | None = None
    param: str | None = None
    message: str = ""

    def __str__(self) -> str:
        """Status and code; some servers give the status for a code."""
        return " ".join(dict.fromkeys(filter(None, (str(self.status), shortened(self.code or "", 60)))))


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a request. ``number`` is that of its evidence, ``status`` 0 where there was no answer at all.

    ``content`` is the JSON value of a whole answer, None if it was none; ``events`` are those of the data of a stream's
    events, `done` whether ``[DONE]`` came. ``failure`` says what kept the answer from being whole. ``head`` is its
    beginning as text. ``seconds`` is how long it took.
    """

    ask: Ask
    number: int = 0
    status: int = 0
    media_type: str = ""
    content: Any = None
    events: tuple[Any, ...] = ()
    done: bool = False
    failure: str = ""
    head: str = ""
    seconds: float = 0.0

    @property
    def is_stream(self) -> bool:
        return self.media_type == "text/event-stream"

    @property
    def accepted(self) -> bool:
        """Whether it is an answer that can be read."""
        return self.status == 200 and not self.trouble

    @property
    def refusal(self) -> Refusal | None:
        """What the server refused it with; None if it did not."""
        if not 400 <= self.status < 500:
            return None
        error = self.content.get("error") if isinstance(self.content, dict) else None
        return _refusal(self.status, error) or Refusal(self.status, message=shortened(self.head, _QUOTED))

    @property
    def blame(self) -> Refusal | None:
        """What a failure says that names the parameter that could not be honoured, in an answer or at the end of a
        stream; None if it is no failure, or names none."""
        error = self._failed
        if self.status >= 500:
            error = self.content.get("error") if isinstance(self.content, dict) else None
        found = _refusal(self.status, error)
        return found if found is not None and found.param else None

    @property
    def trouble(self) -> str:
        """Why the answer is none by any reading of the contract; empty if it is one, or an error of the client's."""
        if self.failure:
            return self.failure
        if self.status >= 500:
            return f"status {self.status}: {shortened(self._said, _QUOTED)}"
        if 300 <= self.status < 400:
            return f"status {self.status}, a redirect, which is not followed"
        operation = self.ask.operation
        if self.status != 200 or operation is None:
            return ""
        if self.is_stream:
            if not self.events:
                return "a stream without an event"
            if any(not isinstance(event, dict) for event in self.events):
                return "an event whose data is no JSON object"
            failed = self._failed
            if failed is not None:
                return f"a stream that failed: {_said_of(failed)}"
            return ""
        if not isinstance(get(self.content, operation.holds), list):
            return f"status 200 without {operation.holds}: {shortened(self.head, _QUOTED)}"
        failed = self._failed
        return "" if failed is None else f"status 200 with an error: {_said_of(failed)}"

    @property
    def _failed(self) -> Any:
        """The error in a stream, or in an answer that says that it failed; None if there is none."""
        return next(filter(None, map(_error_in, (self.content if self.status == 200 else None, *self.events))), None)

    @property
    def _said(self) -> str:
        error = self.content.get("error") if isinstance(self.content, dict) else None
        return str(error.get("message")) if isinstance(error, dict) else self.head

    def numbered(self, number: int) -> Seen:
        return replace(self, number=number)


def _error_in(value: Any) -> Any:
    """The error that a whole answer or an event tells of: in the envelope, as an event of its own, or as that of a
    response that failed."""
    if get(value, "type") == "error" and not get(value, "error"):
        return value
    return get(value, "error") or get(value, "response", "error")


def _said_of(error: Any) -> str:
    return shortened(str(error.get("message") if isinstance(error, dict) else error), _QUOTED)


def _refusal(status: int, error: Any) -> Refusal | None:
    """An error object as a refusal; None if it is no object."""
    if not isinstance(error, dict):
        return None
    code, param = error.get("code"), error.get("param")
    return Refusal(
        status,
        None if code is None else str(code),
        None if param is None else str(param),
        str(error.get("message") or ""),
    )


def shortened(text: str, most: int) -> str:
    """A text in one line of at most so many characters, none of which a terminal would obey."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def having(path: str, value: Any) -> Json:
    """An object with a value at a path of the contract, such as ``a.b[].c``; lists have one item."""
    for step in reversed(path.split(".")):
        name, items = step.removesuffix("[]"), step.endswith("[]")
        value = {name: [value] if items else value}
    return dict(value)


def paths_in(value: Any, at: str = "") -> dict[str, None]:
    """The paths of all that stands in a JSON value, as the contract's are written, each once."""
    found: dict[str, None] = {}
    if isinstance(value, dict):
        for name, inner in value.items():
            path = f"{at}.{name}" if at else str(name)
            found[path] = None
            found |= paths_in(inner, path)
    elif isinstance(value, list):
        for item in value:
            found |= paths_in(item, f"{at}[]")
    return found
