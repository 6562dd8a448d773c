"""What is copied at once: words to repeat, a name to greet, a fact to acknowledge."""

from __future__ import annotations

from random import Random

from .dialogue import Dialogue, exchange
from .facts import Fact, fact, led, meet, named
from .factvalues import ordinary
from .noise import typed
from .people import person
from .sentences import sentences
from .strings import name, number, phrase, sentence, word

_TEXTS = sentences("memory")
_QUOTES = (('"', '"'),) * 4 + (
    ("'", "'"),
    ("'", "'"),
    ("“", "”"),
    ("“", "”"),
    ("‘", "’"),
    ("`", "`"),
    ("`", "`"),
    ("«", "»"),
    ("**", "**"),
    ('"""', '"""'),
    ("„", "“"),
)


def repeated(rng: Random) -> Dialogue:
    """Words to be repeated, or a fact that is told and acknowledged."""
    draw = rng.random()
    if draw < 0.15:
        who = person(rng)
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
    if rng.random() < 0.35:
        return _composed(rng, polite=polite)
    frame = rng.choice(_TEXTS["repeat"])
    text = _fitting(rng, frame)
    if frame.endswith("{}"):
        # What is said after the words would be one of them.
        polite = False
        if rng.random() < 0.1 and frame[:2] != "{}":
            frame = led(rng, frame)
    if rng.random() < 0.04 and '"' not in frame:
        return typed(rng, frame, f'"{text}"', polite=polite, exact=True), text
    return typed(rng, frame, text, polite=polite, exact=True), text


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
    return _text(rng)


def _text(rng: Random) -> str:
    draw = rng.random()
    if draw < 0.08:
        return str(rng.choice(_TEXTS["common"]))
    return ordinary(rng) if draw < 0.38 else phrase(rng)


def _composed(rng: Random, *, polite: bool) -> tuple[str, str]:
    """A wish put together from what comes before it, its verb, what it is about, marks, and what must not be done."""
    what = rng.choice(_TEXTS["objects"])
    text = {"the word": word, "one word": word, "this word": word, "the sentence": sentence}.get(what, _text)(rng)
    opened, closed = rng.choice(_QUOTES) if rng.random() < 0.5 and text[-1] not in "'\"" else ("", "")
    between = rng.choice((": ", ": ", ":", " - ", " -> ", ":\n", "\n", ":\n\n", " = ", "... ", " — "))
    bare = not any(each in what for each in ("this", "what", "following", "these"))
    if rng.random() < 0.45 and (bare or opened):
        between = " "
    draw = rng.random()
    if draw < 0.2:
        called = rng.choice(("phrase", "phrase", "text", "line", "message", "string")) if " " in text else "word"
        frame = rng.choice(_TEXTS["announced"]).replace("{what}", called)
        frame = frame.replace("{}", f"{opened}{{}}{closed}")
    else:
        verb = rng.choice(_TEXTS["copy_verbs"])
        only = rng.choice(_TEXTS["only"]) if draw < 0.45 else ""
        lead = rng.choice(_TEXTS["leads"]) if draw > 0.8 else ""
        frame = f"{lead}{verb if lead[-2:] in ('', ': ') else _small(verb)} {only}{what}"
        frame = f"{frame.strip()}{between}{opened}{{}}{closed}"
    if rng.random() < 0.3:
        ended = closed or text[-1] in ".!?"
        comma = rng.choice((" ", ", ", ". ", "\n")) if closed else rng.choice((", ", ". ", ". ", "\n", " - "))
        comma = " " if ended and not closed else comma
        limit = rng.choice(_TEXTS["limits"])
        frame += comma + (limit if comma in (", ", " ", " - ") and not ended else limit[0].upper() + limit[1:])
    elif rng.random() < 0.12:
        limit = rng.choice(
            [each for each in _TEXTS["limits"] if each.startswith(("no", "without", "only", "do", "word"))]
        )
        frame = f"{limit.capitalize()}{rng.choice(('. ', '. ', ': '))}{frame}"
    return typed(rng, frame, text, polite=polite and not frame.endswith("{}"), exact=True), text


def _small(text: str) -> str:
    return text[0].lower() + text[1:]


def with_need(rng: Random, told: Fact) -> str:
    """A fact, and something that is answered with nothing else."""
    return f"{told.said(rng).rstrip('.,!? ')}{rng.choice('..!')} {rng.choice(_TEXTS['needs'])}"
