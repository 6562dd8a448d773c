"""A probe: requests that would show an effect, and a pure function from their results to a verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..jsontypes import Json
from .answers import said
from .exchange import Ask, Refusal, Seen, shortened
from .operations import CHAT, OPERATIONS, Operation, Prompt
from .verdicts import Named, Verdict, broken, ignored, not_seen
from .words import Unsayable

# The answers to a probe's requests, by the names of its steps.
Answers = Mapping[str, Seen]

# The purpose of a step's request. ``asked``: it has the parameter; if it is refused, the parameter is refused.
# ``compare``: it lacks the parameter, and must be answered. ``aid``: it makes the effect clearer if the server accepts
# it. ``nonsense``: it has a value that the contract forbids.
Role = Literal["asked", "compare", "aid", "nonsense"]

# The fields of every request, besides the prompt.
_PLAIN = ("model", "temperature", "max_tokens", "max_completion_tokens", "max_output_tokens", "stream")

# Statuses that say nothing about the requested parameter.
_OF_OTHER_THINGS = {401: "the key is refused", 403: "the key may not do this", 429: "too many requests"}


@dataclass(frozen=True, slots=True)
class Base:
    """The common part of all requests of an operation to a server, as far as the server accepts it. ``limit`` is the
    parameter for the maximum of tokens that the server obeys, None if there is none. ``cold``: it accepts temperature
    0."""

    model: str
    limit: str | None = "max_completion_tokens"
    cold: bool = True
    has_key: bool = False
    operation: Operation = CHAT

    def body(self, prompt: Prompt | None, tokens: int | None, fields: Mapping[str, Any]) -> Json:
        """The body of a request with some fields, which may be those of a chat request. The prompt is a user's text, or
        any form of prompt that the operation accepts; None stands for the prompt of a plain request.

        Raises:
            Unsayable: the operation has no counterpart of a field.
        """
        body: Json = {"model": self.model, self.operation.asks: self.operation.prompt(prompt or self.operation.hello)}
        if self.cold:
            body["temperature"] = 0
        if self.limit is not None and tokens is not None and not _LIMITS & set(fields):
            body[self.limit] = max(tokens, self.operation.fewest)
        body |= self.operation.fields(fields)
        return {name: value for name, value in body.items() if value is not LEFT_OUT}

    def ask(
        self, prompt: Prompt | None, tokens: int | None, fields: Mapping[str, Any], *, turn: int = 0, **more: Any
    ) -> Ask | None:
        """A request to the operation; None if it has no counterpart of a field."""
        try:
            return Ask(self.body(prompt, tokens, fields), path=self.operation.path, turn=turn, **more)
        except Unsayable:
            return None


_LIMITS = {limit for operation in OPERATIONS for limit in operation.limits}
LEFT_OUT = object()
Make = Callable[[Base, Answers], Ask | None]


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a probe. ``make`` may use the answers of earlier steps; if it returns None, no request is sent."""

    name: str
    make: Make
    role: Role = "asked"


@dataclass(frozen=True, slots=True)
class Probe:
    """The definition of a probe. ``paths`` are the properties that the verdict is about; ``parts`` are refused, ignored
    or broken together with them, but are not checked for an effect of their own. Without paths the probe is about the
    server's behaviour. ``check`` says what is checked. ``alone``: concurrent requests would disturb it. ``operation``
    is the operation to request."""

    group: str
    check: str
    steps: tuple[Step, ...]
    judge: Callable[[Answers], Verdict]
    paths: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    alone: bool = False
    operation: Operation = CHAT


def of(operation: Operation, *probes: Probe) -> Iterator[Probe]:
    """Chat probes converted to another operation, with its names of the properties. A probe about properties that the
    operation does not have is left out."""
    for probe in probes:
        paths, parts = (_renamed(operation, named) for named in (probe.paths, probe.parts))
        if paths or not probe.paths:
            kept = tuple(path for path in parts if path not in paths)
            yield replace(probe, operation=operation, paths=paths, parts=kept)


def _renamed(operation: Operation, paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(operation.path_of, paths))))


# The prompt where its text does not matter: that of a plain request.
PLAIN = None


def step(
    name: str,
    prompt: Prompt | None = PLAIN,
    /,
    tokens: int | None = 16,
    *,
    role: Role = "asked",
    turn: int = 0,
    **fields: Any,
) -> Step:
    """A step that sends a request with some fields to the probe's operation."""
    return Step(name, lambda base, answers: base.ask(prompt, tokens, fields, turn=turn), role)


def changed(answers: Answers, reference: str, name: str) -> bool:
    """Whether an answer differs from a reference answer. The reference was requested twice and must be the same both
    times; otherwise a difference proves nothing."""
    first = said(answers[reference])
    return first == said(answers[f"{reference} again"]) and first != said(answers[name])


def one(name: str, value: Any) -> dict[str, Any]:
    """A field whose name is known only at run time."""
    return {name: value}


def verdict_of(probe: Probe, answers: Answers) -> Verdict:
    """The verdict of a probe, given the results of its steps."""
    roles = {step.name: step.role for step in probe.steps}
    for name, seen in answers.items():
        if roles[name] != "asked":
            continue
        paths = (*probe.paths, *probe.parts, *_special(seen))
        if seen.blame is not None and name_in(seen.blame, paths) == "param":
            # The server noticed that the parameter was not honoured, and does not pretend otherwise.
            return refused(seen.blame, paths)
        if seen.trouble:
            return broken(seen.trouble)
        if seen.refusal is not None:
            return refused(seen.refusal, paths)
        if seen.status != 200:
            return broken(f"status {seen.status}, which the contract does not have")
    for name, seen in answers.items():
        if roles[name] == "compare" and not seen.accepted:
            return not_seen(f"the request to compare with was not answered: {_why(seen)}")
    usable = {name: seen for name, seen in answers.items() if roles[name] in ("asked", "nonsense") or seen.accepted}
    found = probe.judge(usable)
    return _unless_unread(found, [seen for name, seen in usable.items() if roles[name] == "nonsense"])


def _special(seen: Seen) -> list[str]:
    """The fields of a request beyond a plain one. A refusal may name any of them: a server that refuses ``tools`` need
    not mention ``tool_choice`` too."""
    if not isinstance(seen.ask.body, dict) or seen.ask.operation is None:
        return []
    return [name for name in seen.ask.body if name not in (*_PLAIN, seen.ask.operation.asks)]


def _why(seen: Seen) -> str:
    return seen.trouble or f"status {seen.status}"


def _unless_unread(found: Verdict, nonsense: list[Seen]) -> Verdict:
    """If no effect was seen, judge whether the parameter is read at all: a server that accepts a value that the
    contract forbids does not read the parameter, and so cannot honour it."""
    if found.fate != "not seen" or not nonsense or not all(seen.accepted for seen in nonsense):
        return found
    return ignored(f"{found.seen}; and a value that the contract forbids was accepted too")


def refused(refusal: Refusal, paths: tuple[str, ...]) -> Verdict:
    """The verdict for a refusal, including whether it names one of the properties."""
    if refusal.status in _OF_OTHER_THINGS:
        return not_seen(f"status {refusal.status}: {_OF_OTHER_THINGS[refusal.status]}")
    named = name_in(refusal, paths)
    how = {
        "param": f"naming {shortened(refusal.param or '', 60)}",
        "message": "named in its message alone",
        "no": "without its name",
    }[named]
    words = "" if named == "param" else f": {shortened(refusal.message, 100)}"
    return Verdict("refused", f"{refusal}, {how}{words}", refusal, named)


def name_in(refusal: Refusal, paths: tuple[str, ...]) -> Named:
    """How a refusal names one of the properties, or a parent or child of it."""
    param = re.sub(r"\[\d+\]|\.\d+(?=\.|$)", "[]", refusal.param or "")
    for path in paths:
        if param and (_holds(param, path) or _holds(path, param)):
            return "param"
    for path in paths:
        if re.search(rf"\b{re.escape(path.replace('[]', '').rpartition('.')[2])}\b", refusal.message):
            return "message"
    return "no"


def _holds(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith((outer + ".", outer + "["))
