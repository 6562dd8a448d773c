"""System prompts that change nothing: short ones, and long texts that say nothing."""

from __future__ import annotations

from random import Random

from .sentences import sentences
from .values import filled

_TEXTS = sentences("system")


def system(rng: Random) -> str:
    """A short system prompt without a name or a language."""
    return str(filled(rng, rng.choice(_TEXTS["prompts"])))


def filler(rng: Random, words: int) -> str:
    """At least so many words, in sentences and lines."""
    found: list[str] = []
    count = 0
    joint = rng.choice((" ", " ", "\n"))
    while count < words:
        found.append(str(filled(rng, rng.choice(_TEXTS["filler"]))))
        count += len(found[-1].split())
    return joint.join(found)
