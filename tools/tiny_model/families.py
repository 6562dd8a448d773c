"""Tools as requests have them: known sorts with many names, and ones that were made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from .dialogue import Message
from .sentences import sentences
from .strings import FOODS, city, clock, code, invented, name, number, phrase, sentence, word

Make = Callable[[Random], Any]


@dataclass(frozen=True, slots=True)
class Family:
    """Tools that do the same. ``values`` are made in the order of the ``{}`` in ``asked`` and go to ``params``, each
    with its names."""

    names: list[str]
    does: list[str]
    params: list[list[str]]
    values: list[Make]
    asked: list[str]
    results: list[str]


def title(rng: Random) -> str:
    return " ".join(word(rng).capitalize() for _ in range(rng.choice((1, 2, 2, 3))))


def _query(rng: Random) -> str:
    return " ".join(word(rng) for _ in range(rng.choice((1, 2, 2, 3))))


def _room(rng: Random) -> str:
    return (
        rng.choice("kitchen bathroom bedroom garage hall cellar office attic garden".split())
        if rng.random() < 0.5
        else word(rng)
    )


def _symbol(rng: Random) -> str:
    return "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.choice((3, 4, 4))))


def _money(rng: Random) -> str:
    return (
        rng.choice("euros dollars pounds yen francs pesos rupees kronor".split())
        if rng.random() < 0.7
        else invented(rng)
    )


def _file(rng: Random) -> str:
    return f"{word(rng)}.{rng.choice(('txt', 'csv', 'py', 'md'))}"


def _language(rng: Random) -> str:
    return rng.choice(["French", "German", "Spanish", "Italian", "Dutch", "Polish", "Greek", "Japanese"])


# How the values are made that the file names.
_MAKES: dict[str, Make] = {
    "city": city,
    "clock": clock,
    "code": code,
    "degrees": lambda rng: number(rng, 2),
    "digit": lambda rng: number(rng, 1),
    "dish": lambda rng: rng.choice(FOODS) if rng.random() < 0.5 else word(rng),
    "file": _file,
    "language": _language,
    "minutes": lambda rng: number(rng, rng.choice((1, 2))),
    "money": _money,
    "name": name,
    "number": number,
    "phrase": phrase,
    "query": _query,
    "room": _room,
    "sentence": sentence,
    "symbol": _symbol,
    "title": title,
}
FAMILIES = [
    Family(**{**family, "values": [_MAKES[value] for value in family["values"]]})
    for family in sentences("tools")["families"]
]


@dataclass(frozen=True, slots=True)
class Choice:
    """A tool as a request has it, and how its values are named there."""

    family: Family
    tool: Message
    params: tuple[str, ...]


def chosen(rng: Random, family: Family) -> Choice:
    params = tuple(rng.choice(each) for each in family.params)
    properties: dict[str, Message] = {}
    for param, make in zip(params, family.values, strict=True):
        kind: Message = {"type": "integer" if isinstance(make(Random(0)), int) else "string"}
        if kind["type"] == "integer" and rng.random() < 0.3:
            kind = {"type": "number"}
        if rng.random() < 0.25:
            kind["description"] = rng.choice(
                (f"The {param}.", f"The {param} that the user wants.", f"{param} as text", "e.g. " + word(rng))
            )
        properties[param] = kind
    return Choice(family, function(rng, rng.choice(family.names), rng.choice(family.does), properties), params)


def function(rng: Random, called: str, does: str, properties: dict[str, Message]) -> Message:
    schema: Message = {"type": "object", "properties": properties}
    if rng.random() < 0.8:
        schema["required"] = list(properties)
    if rng.random() < 0.25:
        schema["additionalProperties"] = False
    function: Message = {"name": called}
    if rng.random() < 0.8:
        function["description"] = does
    if rng.random() < 0.15:
        function["strict"] = True
    return {"type": "function", "function": {**function, "parameters": schema}}


def made_up(rng: Random) -> Choice:
    """A tool that nobody has: only what the request says of it helps."""
    verb, thing = invented(rng, rng.choice((1, 2))), word(rng)
    param = rng.choice((thing, invented(rng, 2), "value", "input", "text", "id"))
    asked = [
        f"{verb} {{}}",
        f"{verb.capitalize()} the {thing} {{}}.",
        f"Please {verb} the {thing} {{}}",
        f"Can you {verb} {{}}?",
        f"Call {verb}_{thing} with {{}}.",
        f"Use {verb}_{thing} for {{}}",
        f"I want to {verb} {{}}",
    ]
    make: Make = rng.choice((word, name, code, city, number))
    family = Family([f"{verb}_{thing}"], [f"{verb.capitalize()} a {thing}."], [[param]], [make], asked, [thing])
    return chosen(rng, family)
