"""Tools as requests have them: known sorts with many names, and what is asked of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

from .dialogue import Message
from .noise import typed
from .sentences import sentences
from .strings import with_fitting_article, word
from .values import HOLE, ascii_only, listed, made

_NUMBERS = {"amount", "decimal", "rational"}
# Sorts of values that are whole sentences, or nearly: only their end tells where they end.
OPEN = {"issue", "letter", "message", "note", "phrase", "prompt", "reason", "shell", "snippet", "sql", "task"}
# Numbers that a schema may have as a text, and how often.
_AS_TEXTS = {"id": 0.4, "number": 0.04, "degrees": 0.04, "minutes": 0.04, "digit1": 0.04, "amount": 0.04}


@dataclass(frozen=True, slots=True)
class Param:
    """A value of a sort, or one of the choices: what schemas may write for "on|true" is there, and what people say."""

    names: list[str]
    value: str = ""
    choices: dict[str, list[str]] = field(default_factory=dict)
    optional: bool = False

    @property
    def phrases(self) -> dict[str, list[str]]:
        """What people say for each choice, which has the first of its names."""
        return {choice.partition("|")[0]: said for choice, said in self.choices.items()}


@dataclass(frozen=True, slots=True)
class Family:
    """Tools that do the same."""

    names: list[str]
    does: list[str]
    params: dict[str, Param]
    asked: list[str]
    results: list[str]
    group: str = ""
    ordered: bool = False
    tails: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    @staticmethod
    def of(text: dict[str, Any]) -> Family:
        """A family as the file has it."""
        return Family(**{**text, "params": {key: Param(**param) for key, param in text["params"].items()}})

    def like(self, other: Family) -> bool:
        """Whether a question for one might be one for the other."""
        one, two = self.group or self.names[0], other.group or other.names[0]
        return one == two or one.startswith(two + ".") or two.startswith(one + ".")


FAMILIES = [Family.of(each) for each in sentences("tools")["families"]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A tool as a request has it. ``called`` has the names of its parameters, in the order of its schema, ``choices``
    the names of what may be chosen, ``texts`` the numbers that are to be texts."""

    family: Family
    tool: Message
    called: dict[str, str]
    choices: dict[str, dict[str, Any]]
    texts: frozenset[str]

    def ask(self, rng: Random, alone: bool = False) -> tuple[str, dict[str, Any]]:
        """A question for it, and the arguments of the call."""
        frame, fixed = rng.choice(_frames(self.family, frozenset(self.called), alone))
        tails = _tails(self.family, frozenset(self.called), frame)
        if tails and not fixed and rng.random() < 0.4:
            frame = _followed(frame, rng.choice(tails))
        return self.said(rng, frame, dict(fixed))

    def said(self, rng: Random, frame: str, fixed: dict[str, str]) -> tuple[str, dict[str, Any]]:
        """The frame with values, and the arguments of the call."""
        found = {key: self.choices[key][choice] for key, choice in fixed.items()}
        values, parts, at = [], [], 0
        small, sort = rng.random() < 0.08, ""
        for hole in HOLE.finditer(frame):
            key, param = hole[1], self.family.params[hole[1]]
            parts.append(frame[at : hole.start()])
            at = hole.end()
            if param.choices:
                chosen, phrases = rng.choice(list(param.phrases.items()))
                found[key] = self.choices[key][chosen]
                phrase = rng.choice(phrases)
                phrase = phrase if frame[: hole.start()] else phrase[0].upper() + phrase[1:]
                parts[-1] = with_fitting_article(parts[-1], phrase) + phrase
                continue
            sort = hole[2] or param.value
            value = made(rng, sort)
            if isinstance(value, str):
                value = value.lower() if small else value
                if at < len(frame) and frame[at] not in "'\"`":
                    value = value.rstrip(".!")
                found[key] = value.rstrip(".") if at == len(frame) else value
            else:
                found[key] = str(value) if key in self.texts else value
            values.append(listed(rng, value) if isinstance(value, list) else str(value))
            parts[-1:] = [with_fitting_article(parts[-1], values[-1]), "{}"]
        # Nothing may follow a text that ends where the question ends, but what tells its end.
        polite = rng.random() < 0.4 and not (at == len(frame) and sort in OPEN)
        text = typed(rng, "".join([*parts, frame[at:]]), *values, polite=polite)
        return text, {called: found[key] for key, called in self.called.items() if key in found}


Fixed = tuple[tuple[str, str], ...]


@lru_cache(4096)
def _parsed(frame: str) -> tuple[str, Fixed, frozenset[str]]:
    """The text of a frame, what it says without a hole, and all parameters that it says."""
    text, *marks = frame.split("|")
    fixed = tuple((key, choice) for key, _, choice in (mark.partition("=") for mark in marks))
    return text, fixed, frozenset([*(hole[1] for hole in HOLE.finditer(text)), *(key for key, _ in fixed)])


def _frames(family: Family, keys: frozenset[str], alone: bool) -> list[tuple[str, Fixed]]:
    """The frames that say all that such a tool needs, and nothing that it has no parameter for."""
    needed = {key for key, param in family.params.items() if not param.optional and key in keys}
    frames = [_parsed(frame) for frame in (family.asked + family.alone * 2 if alone else family.asked)]
    return [(text, fixed) for text, fixed, said in frames if needed <= said <= keys]


def _tails(family: Family, keys: frozenset[str], frame: str) -> list[str]:
    said = _parsed(frame)[2]
    return [tail for tail in family.tails if (wanted := _parsed(tail)[2]) <= keys and not wanted & said]


def _followed(frame: str, tail: str) -> str:
    body = frame.rstrip("?.!")
    end = frame[len(body) :]
    if tail.startswith(". "):
        return body + (end or ".") + tail[1:]
    return body + tail + end


def chosen(rng: Random, family: Family, opaque: bool = False) -> Choice:
    """A tool of a family; an ``opaque`` one tells only in its description what it does."""
    keys = [key for key, param in family.params.items() if not param.optional or rng.random() < 0.5]
    if not family.ordered and rng.random() < 0.3:
        rng.shuffle(keys)
    along = rng.random() if rng.random() < 0.6 else -1
    called: dict[str, str] = {}
    choices: dict[str, dict[str, Any]] = {}
    texts, properties = set(), {}
    for key in keys:
        names = [each for each in family.params[key].names if each not in called.values()]
        called[key] = names[int(along * len(names))] if along >= 0 else rng.choice(names)
        kind, choices[key] = _kind(rng, called[key], family.params[key])
        if kind["type"] == "string" and family.params[key].value in _AS_TEXTS:
            texts.add(key)
        properties[called[key]] = kind
    needed = [called[key] for key in keys if not family.params[key].optional]
    name = _opaque(rng) if opaque else rng.choice(family.names)
    tool = function(rng, name, rng.choice(family.does), properties, needed, described=opaque)
    return Choice(family, tool, called, choices, frozenset(texts))


def _opaque(rng: Random) -> str:
    return rng.choice(
        (
            f"tool_{rng.choice('abcdxyz')}",
            f"fn{rng.randint(1, 99)}",
            ascii_only(word(rng)),
            f"{ascii_only(word(rng))}_api",
        )
    )


def _kind(rng: Random, called: str, param: Param) -> tuple[Message, dict[str, Any]]:
    """The schema of a parameter, and what is written for each choice."""
    if param.choices:
        at = rng.randrange(min(len(choice.split("|")) for choice in param.choices))
        written: dict[str, Any] = {choice.partition("|")[0]: choice.split("|")[at] for choice in param.choices}
        if set(written.values()) <= {"true", "false"}:
            return _described(rng, {"type": "boolean"}, called, ""), {
                choice: text == "true" for choice, text in written.items()
            }
        options = list(written.values())
        if rng.random() < 0.3:
            rng.shuffle(options)
        if rng.random() < 0.12:
            return {"type": "string", "description": rng.choice((", ", " or ")).join(options)}, written
        return _described(rng, {"type": "string", "enum": options}, called, ""), written
    sample = made(rng, param.value)
    if isinstance(sample, list):
        items = {"type": "integer" if isinstance(sample[0], int) else "string"}
        return _described(rng, {"type": "array", "items": items}, called, listed(rng, sample)), {}
    if isinstance(sample, str):
        return _described(rng, {"type": "string"}, called, sample), {}
    kind = "number" if param.value in _NUMBERS or rng.random() < 0.25 else "integer"
    if rng.random() < _AS_TEXTS.get(param.value, 0):
        kind = "string"
    return _described(rng, {"type": kind}, called, str(sample)), {}


def _described(rng: Random, kind: Message, called: str, example: str) -> Message:
    if rng.random() < 0.55:
        plain = called.replace("_", " ")
        texts = [
            f"The {plain}.",
            f"The {plain}",
            f"The {plain} that the user wants.",
            plain.capitalize(),
            f"{plain} to use",
        ]
        if example:
            texts += [f"e.g. {example}", f"The {plain}, e.g. {example}", f"The {plain}, such as {example}."]
        kind["description"] = rng.choice(texts)
    return kind


def function(
    rng: Random,
    called: str,
    does: str,
    properties: dict[str, Message],
    required: list[str] | None = None,
    described: bool = False,
) -> Message:
    """A tool as a request has it."""
    schema: Message = {"type": "object", "properties": properties}
    if rng.random() < 0.8:
        schema["required"] = list(properties) if required is None else required
    if rng.random() < 0.25:
        schema["additionalProperties"] = False
    function: Message = {"name": called}
    if described or rng.random() < 0.8:
        function["description"] = does
    if rng.random() < 0.15:
        function["strict"] = True
    return {"type": "function", "function": {**function, "parameters": schema}}
