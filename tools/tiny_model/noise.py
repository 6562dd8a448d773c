"""How people type: politeness and a word of context around a question, small letters, no full stop, slips of the
finger."""

from __future__ import annotations

import re
from random import Random

from .strings import ADJECTIVES, JOBS, NOUNS, city, invented, name, with_fitting_articles

_BEFORE = (
    "Please ", "Hey, ", "Hi, ", "ok, ", "so ", "Hello, ", "um ", "well, ", "Quick question: ", "Question: ", "Sorry, ",
    "Hi there! ", "Good morning. ", "Hey bot, ", "Okay, next: ", "And ", "But ", "One more thing: ", "hmm, ",
    "Excuse me, ", "Dear bot, ", "Tell me, ", "Could you help me? ", "I have a question. ", "Help! ", "Hello! ",
    "I was wondering: ", "Just curious, ", "Now ", "Also, ", "Alright. ", "I need your help. ", "Parley, ", "Thanks. ",
)  # fmt: skip
_AFTER = (
    " please", " thanks", ", please", " pls", " then", " here", " for me", ", thanks", " thx", " now", " again",
    " exactly", ", ok?", " if possible", " anyone?", " in short",
)  # fmt: skip
# Said after the question, as a sentence of its own.
_CLOSING = (
    "Thanks!", "Thank you.", "Please help.", "Thanks in advance.", "Keep it short.", "I am new to this.", "Any idea?",
    "I can't find it.", "Be brief.", "Cheers", "I appreciate your help.", "A short answer is enough.", "I'm stuck.",
    "That would help me a lot.", "I don't understand it.", "Please be quick.", "Many thanks", "Help me out here.",
)  # fmt: skip
_SHORT = {
    "you": "u", "are": "r", "please": "pls", "what is": "what's", "how do i": "how to", "thanks": "thx",
    "your": "ur", "I am": "im", "I'm": "im", "don't": "dont", "can't": "cant",
    "What's": "whats", "because": "cuz", "with": "w/", "something": "sth", "without": "w/o", "and": "&",
}  # fmt: skip


def typed(rng: Random, frame: str, *values: str, polite: bool = True, exact: bool = False) -> str:
    """A frame as somebody might type it; ``values`` fill its ``{}`` and are never changed. ``exact``: a mark after a
    value would be a part of it."""
    parts = frame.split("{}")
    assert len(parts) == len(values) + 1, frame
    if polite and rng.random() < 0.2:
        before = rng.choice(_BEFORE) if rng.random() < 0.7 else _context(rng)
        parts[0] = before + (parts[0] if before[-2] in ".!?" else parts[0][:1].lower() + parts[0][1:])
    if polite and rng.random() < 0.15:
        body = parts[-1].rstrip("?.!")
        parts[-1] = body + rng.choice(_AFTER) + parts[-1][len(body) :]
    elif polite and rng.random() < 0.06:
        parts[-1] += ("" if parts[-1][-1:] in "?.!" else ".") + " " + rng.choice(_CLOSING)
    draw = rng.random()
    if draw < 0.3:
        parts = [part.lower() for part in parts]
    elif draw < 0.31:
        parts = [part.upper() for part in parts]
    if rng.random() < 0.3:
        parts[-1] = parts[-1].rstrip("?.!")
    elif rng.random() < 0.04 and (parts[-1] or not exact):
        parts[-1] += rng.choice(("!", "?", "??", "...", "!!", "."))
    if rng.random() < 0.08:
        parts = [_shortened(rng, part) for part in parts]
    for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 1, 1, 1, 2))):
        at = rng.randrange(len(parts))
        parts[at] = _slip(rng, parts[at])
    text = parts[0]
    for value, part in zip(values, parts[1:], strict=True):
        text += value + part
    return text.strip() or frame


def _context(rng: Random) -> str:
    """What somebody says of themselves before the question; nothing in it matters."""
    one, kind = rng.choice(NOUNS) if rng.random() < 0.6 else invented(rng), rng.choice(ADJECTIVES)
    said = rng.choice(
        (
            f"I am building a {one} app.",
            f"I'm working on a {kind} {one} project.",
            f"We make {one}s.",
            f"I am a {rng.choice(JOBS)}.",
            f"My team uses this for {one}s.",
            f"I work at {invented(rng).title()}.",
            f"I write a {one} in {city(rng)}.",
            f"This is for a {kind} demo.",
            f"I just started with this {one}.",
            f"My colleague {name(rng)} sent me here.",
            f"I read about it in the {one} docs.",
            "I am a beginner.",
            f"It's for school, a {one} thing.",
            f"Our {one} needs it.",
            f"I tried a {one} before.",
            "I have looked everywhere.",
            f"So far it is {kind}.",
            f"We have a {kind} {one}.",
            "It's my first day.",
        )
    )
    return with_fitting_articles(said) + " "


def _shortened(rng: Random, text: str) -> str:
    for long, short in _SHORT.items():
        if rng.random() < 0.6:
            text = re.sub(rf"\b{long}\b", short, text)
    return text


def _slip(rng: Random, text: str) -> str:
    """The text with one letter of one longer word left out, doubled, swapped with the next one, or another, or with
    the space before it forgotten."""
    words = text.split(" ")
    long = [at for at, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if not long:
        return text
    at = rng.choice(long)
    word = words[at]
    spot = rng.randrange(1, len(word) - 1)
    if at and words[at - 1].isalpha() and rng.random() < 0.08:
        return " ".join([*words[: at - 1], words[at - 1] + word, *words[at + 1 :]])
    words[at] = rng.choice(
        (
            word[:spot] + word[spot + 1 :],
            word[:spot] + word[spot] + word[spot:],
            word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :],
            word[:spot] + rng.choice("aeioursntl") + word[spot + 1 :],
        )
    )
    return " ".join(words)
