"""One request to the examined server, and what was seen of its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..jsontypes import Json
from .operations import CHAT, Operation, operation_at
from .values import get

# The maximum of characters of an answer that a note quotes.
_QUOTED = 80


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. ``body`` is a JSON value, or bytes that are sent as they are. ``turn`` distinguishes repetitions;
    without it, identical requests are sent once. ``key``: the right one, none or a wrong one."""

    body: Any = None
    method: Literal["GET", "POST", "DELETE"] = "POST"
    path: str = CHAT.path
    key: Literal["own", "none", "wrong"] = "own"
    media_type: str = "application/json"
    turn: int = 0

    @property
    def same(self) -> str:
        """A string that is equal for requests that need to be sent only once."""
        body = self.body.decode(errors="replace") if isinstance(self.body, bytes) else json.dumps(self.body)
        return "\n".join((self.method, self.path, self.key, self.media_type, str(self.turn), body))

    @property
    def operation(self) -> Operation | None:
        """The requested operation, None if it is not one of the models' operations."""
        return operation_at(self.path)

    def __str__(self) -> str:
        """The request as one line, without its conversation."""
        if not isinstance(self.body, dict):
            return f"{self.method} {self.path}"
        hidden = ("model", CHAT.asks if self.operation is None else self.operation.asks)
        shown = {name: value for name, value in self.body.items() if name not in hidden}
        return f"{self.method} {self.path} {shortened(json.dumps(shown, ensure_ascii=False), 160)}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer. ``param`` is as sent by the server, ``message`` is human-readable."""

    status: int
    code: str | None = None
    param: str | None = None
    message: str = ""

    def __str__(self) -> str:
        """The status and the code; some servers use the status as the code."""
        return " ".join(dict.fromkeys(filter(None, (str(self.status), shortened(self.code or "", 60)))))


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of a request. ``number`` is the number of its evidence, ``status`` is 0 if there was no answer.

    ``content`` is the JSON value of a whole answer, None if it was not JSON. ``events`` are the JSON values of a
    stream's events, `done` says whether ``[DONE]`` came. ``failure`` says why the answer is incomplete. ``head`` is its
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
        """Whether it is a readable answer."""
        return self.status == 200 and not self.trouble

    @property
    def refusal(self) -> Refusal | None:
        """The server's refusal; None if it did not refuse the request."""
        if not 400 <= self.status < 500:
            return None
        error = self.content.get("error") if isinstance(self.content, dict) else None
        return _refusal(self.status, error) or Refusal(self.status, message=shortened(self.head, _QUOTED))

    @property
    def blame(self) -> Refusal | None:
        """The error of a failure that names the parameter that could not be honoured, in an answer or at the end of a
        stream; None if it is not a failure, or names no parameter."""
        error = self._failed
        if self.status >= 500:
            error = self.content.get("error") if isinstance(self.content, dict) else None
        found = _refusal(self.status, error)
        return found if found is not None and found.param else None

    @property
    def trouble(self) -> str:
        """Why the answer cannot be read under the contract at all; empty if it can, or if it is a client error."""
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
        """The error in a stream, or in an answer that reports a failure; None if there is none."""
        return next(filter(None, map(_error_in, (self.content if self.status == 200 else None, *self.events))), None)

    @property
    def _said(self) -> str:
        error = self.content.get("error") if isinstance(self.content, dict) else None
        return str(error.get("message")) if isinstance(error, dict) else self.head

    def numbered(self, number: int) -> Seen:
        return replace(self, number=number)


def _error_in(value: Any) -> Any:
    """The error that a whole answer or an event reports: in the envelope, as an event of the type ``error``, or inside
    a failed response."""
    if get(value, "type") == "error" and not get(value, "error"):
        return value
    return get(value, "error") or get(value, "response", "error")


def _said_of(error: Any) -> str:
    return shortened(str(error.get("message") if isinstance(error, dict) else error), _QUOTED)


def _refusal(status: int, error: Any) -> Refusal | None:
    """An error object as a refusal; None if it is not an object."""
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
    """A text as one line of at most ``most`` characters, without terminal control characters."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def having(path: str, value: Any) -> Json:
    """An object with ``value`` at a path of the contract, such as ``a.b[].c``; its lists have one item."""
    for step in reversed(path.split(".")):
        name, items = step.removesuffix("[]"), step.endswith("[]")
        value = {name: [value] if items else value}
    return dict(value)


def paths_in(value: Any, at: str = "") -> dict[str, None]:
    """The paths of all properties in a JSON value, in the notation of the contract's paths, each once."""
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
