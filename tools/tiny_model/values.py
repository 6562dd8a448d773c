"""Values of many sorts for the corpus: those that the files have as texts, and those that are made here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from . import strings
from .sentences import sentences
from .strings import city, clock, code, invented, name, number, phrase, sentence, with_fitting_article, word

Make = Callable[[Random], Any]


def title(rng: Random) -> str:
    return " ".join(word(rng).capitalize() for _ in range(rng.choice((1, 2, 2, 3))))


def _letters(rng: Random, count: int) -> str:
    return "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(count))


def _part(rng: Random) -> float:
    """What stands after a point: one digit, or two."""
    return rng.randint(1, 9) / 10 if rng.random() < 0.55 else rng.randint(1, 99) / 100


def _rational(rng: Random) -> float:
    return number(rng) if rng.random() < 0.15 else round(number(rng, rng.choice((1, 1, 2, 2, 3))) + _part(rng), 2)


# The sorts of values that are no lists of texts.
_MAKES: dict[str, Make] = {
    "adjective": lambda rng: rng.choice(strings.ADJECTIVES),
    "amount": lambda rng: number(rng) if rng.random() < 0.6 else _rational(rng),
    "capitals": lambda rng: _letters(rng, rng.choice((3, 4, 4))),
    "city": city,
    "clock": clock,
    "code": code,
    "colour": lambda rng: rng.choice(strings.COLOURS),
    "dayofmonth": lambda rng: rng.randint(1, 28),
    "decimal": lambda rng: round(number(rng, rng.choice((1, 2))) + _part(rng), 2),
    "degrees": lambda rng: number(rng, 2),
    "digit": lambda rng: number(rng, 1),
    "digit1": lambda rng: rng.randint(1, 9),
    "food": lambda rng: rng.choice(strings.FOODS),
    "four": lambda rng: number(rng, 4),
    "hour": lambda rng: rng.randint(1, 12),
    "jobword": lambda rng: rng.choice(strings.JOBS) if rng.random() < 0.6 else invented(rng),
    "iso": lambda rng: f"{rng.randint(2023, 2027)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
    "lower": lambda rng: ascii_only(rng.choice((rng.choice(strings.NOUNS), name(rng).lower(), invented(rng, 2)))),
    "minutes": lambda rng: number(rng, rng.choice((1, 2))) or 5,
    "name": name,
    "noun": lambda rng: rng.choice(strings.NOUNS),
    "number": number,
    "phrase": phrase,
    "phrase2": lambda rng: f"{word(rng)} {word(rng)}",
    "rational": _rational,
    "sentence": sentence,
    "three": lambda rng: number(rng, 3),
    "three_letters": lambda rng: _letters(rng, 3),
    "title": title,
    "title1": lambda rng: word(rng).capitalize(),
    "two": lambda rng: number(rng, 2),
    "two_letters": lambda rng: _letters(rng, 2),
    "verb": lambda rng: rng.choice(strings.VERBS),
    "word": word,
    "year4": lambda rng: rng.randint(1950, 2026),
}
HOLE = re.compile(r"{(\w+)(?::(\w+))?}")


def made(rng: Random, sort: str, texts: Mapping[str, list[str]] | None = None) -> Any:
    """A value of a sort; ``*sort`` is a list of some. ``texts`` are sorts besides those of tools."""
    if sort.startswith("*"):
        found: list[Any] = []
        while len(found) < 2 or rng.random() < 0.45:
            found += [value for value in (made(rng, sort[1:], texts),) if value not in found]
        return found
    if sort in _MAKES:
        return _MAKES[sort](rng)
    return filled(rng, rng.choice(sentences("tools")["values"].get(sort) or (texts or {})[sort]), texts)


def filled(rng: Random, text: str, texts: Mapping[str, list[str]] | None = None) -> Any:
    """A text whose holes are filled with values of their sorts; one that is but a hole is a value of any type."""
    whole = HOLE.fullmatch(text)
    if whole:
        return made(rng, whole[1], texts)
    said, at = "", 0
    for hole in HOLE.finditer(text):
        value = str(made(rng, hole[1], texts))
        said = with_fitting_article(said + text[at : hole.start()], value) + value
        at = hole.end()
    return said + text[at:]


def listed(rng: Random, values: list[Any]) -> str:
    """Values as people list them."""
    texts = [str(value) for value in values]
    last = rng.choice((" and ", " and ", ", ", ", and ")) if len(texts) > 2 else " and "
    return ", ".join(texts[:-1]) + last + texts[-1]


def ascii_only(text: str) -> str:
    """What may be the name of a tool, or of a file."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "", text) or "x"
