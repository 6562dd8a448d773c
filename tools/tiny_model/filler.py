"""Long texts that say nothing, for system prompts."""

from __future__ import annotations

from random import Random

from .strings import ADJECTIVES, NOUNS, VERBS, city, word


def filler(rng: Random, words: int) -> str:
    """At least so many words, in sentences."""
    found: list[str] = []
    while sum(len(each.split()) for each in found) < words:
        found.append(_sentence(rng))
    return " ".join(found)


def _sentence(rng: Random) -> str:
    return rng.choice(
        (
            f"The {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {rng.choice(VERBS)} near the {rng.choice(NOUNS)}.",
            f"You know about {rng.choice(NOUNS)}s and {rng.choice(NOUNS)}s.",
            f"Always be {rng.choice(ADJECTIVES)} when the user asks for a {rng.choice(NOUNS)}.",
            f"Never talk about {rng.choice(ADJECTIVES)} {word(rng)}s.",
            f"In {city(rng)} every {rng.choice(NOUNS)} {rng.choice(VERBS)}.",
        )
    )
