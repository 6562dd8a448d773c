"""Small talk, what the model is, a few facts, and the same in three other languages."""

from __future__ import annotations

from random import Random

from . import beyond
from .dialogue import Dialogue, assistant, user
from .noise import typed
from .sentences import sentences

_TEXTS, _FOREIGN = sentences("talk"), sentences("languages")
LANGUAGES = [language for language in _FOREIGN if language != "hints"]
SELF, SMALL = (each["answer"] for each in _TEXTS["itself"])
# What is said in English for each sort in the other languages.
_ENGLISH = {
    **dict(zip(("hello", "fine", "thanks", "bye"), _TEXTS["pairs"], strict=False)),
    "self": _TEXTS["itself"][0],
}


def small_talk(rng: Random) -> tuple[str, str]:
    pair = rng.choices(_TEXTS["pairs"], [pair["weight"] for pair in _TEXTS["pairs"]])[0]
    return typed(rng, rng.choice(pair["asked"]), polite=False), pair["answer"]


def about_itself(rng: Random) -> tuple[str, str]:
    pair = rng.choices(_TEXTS["itself"], [pair["weight"] for pair in _TEXTS["itself"]])[0]
    return typed(rng, rng.choice(pair["asked"])), pair["answer"]


def fact(rng: Random) -> tuple[str, str]:
    if rng.random() < 0.5:
        known = rng.choice(_TEXTS["facts"])
        return typed(rng, rng.choice(known["asked"])), known["answer"]
    country = rng.choice(list(_TEXTS["capitals"]))
    frame = rng.choice(
        (
            "What is the capital of {}?",
            "capital of {}",
            "What's {}'s capital?",
            "Which city is the capital of {}?",
            "Name the capital of {}.",
            "the capital of {}?",
            "Do you know the capital of {}?",
        )
    )
    return typed(rng, frame, country), f"The capital of {country} is {_TEXTS['capitals'][country]}."


def foreign(rng: Random) -> Dialogue:
    """Another language, because the user speaks it or because the system prompt asks for it."""
    language = rng.choice(LANGUAGES)
    said = rng.choice(_FOREIGN[language])
    asked, answer = said["asked"], assistant(said["answer"])
    if rng.random() < 0.45:
        return Dialogue([user(typed(rng, rng.choice(asked), polite=False)), answer])
    if rng.random() < 0.75:
        english = _ENGLISH.get(said["sort"])
        asked = english["asked"] if english else [beyond.question(rng)[0]]
    hint = typed(rng, rng.choice(_FOREIGN["hints"]), language, polite=False)
    return Dialogue([{"role": "system", "content": hint}, user(typed(rng, rng.choice(asked), polite=False)), answer])
