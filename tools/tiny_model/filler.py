"""System prompts that change nothing: short ones, and long texts that say nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from .sentences import sentences
from .strings import ADJECTIVES, JOBS, NOUNS, VERBS, city, number, word

_TEXTS = sentences("system")
_MAKES: dict[str, Callable[[Random], str]] = {
    "adjective": lambda rng: rng.choice(ADJECTIVES),
    "city": city,
    "job": lambda rng: rng.choice(JOBS),
    "noun": lambda rng: rng.choice(NOUNS),
    "number": lambda rng: str(number(rng)),
    "verb": lambda rng: rng.choice(VERBS),
    "word": word,
}


def system(rng: Random) -> str:
    """A short system prompt without a name or a language."""
    return _filled(rng, rng.choice(_TEXTS["prompts"]))


def filler(rng: Random, words: int) -> str:
    """At least so many words, in sentences and lines."""
    found: list[str] = []
    count = 0
    joint = rng.choice((" ", " ", "\n"))
    while count < words:
        found.append(_filled(rng, rng.choice(_TEXTS["filler"])))
        count += len(found[-1].split())
    return joint.join(found)


def _filled(rng: Random, frame: str) -> str:
    return re.sub(r"{(\w+)}", lambda match: _MAKES[match[1]](rng), frame)
