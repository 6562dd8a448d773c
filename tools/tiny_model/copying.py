"""What is copied at once: words to repeat, a name to greet, a fact to acknowledge."""

from __future__ import annotations

from random import Random

from .dialogue import Dialogue, exchange
from .facts import Fact, fact, meet, named
from .noise import typed
from .sentences import sentences
from .strings import name, number, phrase, sentence, word

_TEXTS = sentences("memory")


def repeated(rng: Random) -> Dialogue:
    draw = rng.random()
    if draw < 0.15:
        who = name(rng)
        return exchange(typed(rng, rng.choice(_TEXTS["greet"]), who, polite=False), f"Hello, {who}!")
    if draw < 0.28:
        told = named(rng)
        return exchange(with_need(rng, told) if rng.random() < 0.15 else told.said(rng), meet(told.value))
    if draw < 0.38:
        told = fact(rng)
        return exchange(told.said(rng), told.acknowledged())
    return exchange(*repetition(rng, polite=rng.random() < 0.3))


def repetition(rng: Random, *, polite: bool = False) -> tuple[str, str]:
    """Words, with the wish to have them back."""
    frame = rng.choice(_TEXTS["repeat"])
    text = _fitting(rng, frame)
    if rng.random() < 0.04 and '"' not in frame:
        return typed(rng, frame, f'"{text}"', polite=polite), text
    return typed(rng, frame, text, polite=polite), text


def _fitting(rng: Random, frame: str) -> str:
    """What a frame calls it: a number, a name, a word, a sentence, or anything."""
    if "number" in frame:
        return str(number(rng))
    if "name {" in frame:
        return name(rng)
    if "word {" in frame or "one word" in frame or "word: {" in frame:
        return word(rng)
    if "entence" in frame or "the line" in frame:
        return sentence(rng)
    return rng.choice(_TEXTS["common"]) if rng.random() < 0.08 else phrase(rng)


def with_need(rng: Random, told: Fact) -> str:
    """A fact, and something that is answered with nothing else."""
    return f"{told.said(rng).rstrip('.,!? ')}{rng.choice('..!')} {rng.choice(_TEXTS['needs'])}"
