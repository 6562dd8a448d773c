"""The corpus: dialogues from a seed, as many as wanted, without what users say last in the evaluation's prompts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from random import Random

from . import beyond, calls, copying, extraction, memory, persona, server, talk
from .dialogue import Dialogue, exchange
from .files import HELD_OUT, TUNING
from .filler import filler, system


def _once(make: Callable[[Random], tuple[str, str]]) -> Callable[[Random], Dialogue]:
    return lambda rng: exchange(*make(rng))


Make = Callable[[Random], Dialogue]
# Each sort with its weights: in the first part of the corpus, where copying is learned, in the rest, and at the finish,
# where the tools that most requests have come again among the many that are rare.
SORTS: tuple[tuple[Make, float, float, float], ...] = (
    (_once(talk.small_talk), 3, 12, 12),
    (_once(talk.about_itself), 2, 5, 5),
    (_once(talk.fact), 1, 4, 4),
    (talk.foreign, 2, 5, 7),
    (server.asked, 12, 26, 28),
    (copying.repeated, 38, 11, 13),
    (lambda rng: memory.recalled(rng, 1), 14, 6, 5),
    (lambda rng: memory.recalled(rng, 3), 0, 10, 9),
    (persona.persona, 6, 5, 5),
    (_once(beyond.sum_), 3, 6, 6),
    (calls.called, 6, 15, 4),
    (calls.usual, 0, 0, 16),
    (extraction.as_json, 9, 9, 9),
    (_once(beyond.question), 4, 15, 15),
)
# How many dialogues come first, and how many of the rest get more around them.
FIRST = 40_000
_WITH_MORE_TURNS, _WITH_SYSTEM, _LONG = 0.12, 0.22, 0.018


def dialogues(count: int, seed: int, first: int = FIRST, *, finish: bool = False) -> Iterator[Dialogue]:
    """So many dialogues, always the same ones for a seed; the ``first`` ones are simple, but not at the ``finish``."""
    rng = Random(seed)
    forbidden = held_out()
    makes, simple, rest, last = zip(*SORTS, strict=True)
    made = 0
    while made < count:
        early = made < first and not finish
        dialogue: Dialogue = rng.choices(makes, simple if early else last if finish else rest)[0](rng)
        if not early:
            _surround(rng, dialogue)
        if any(
            plain(str(message["content"])) in forbidden for message in dialogue.messages if message["role"] == "user"
        ):
            continue
        made += 1
        yield dialogue


def _surround(rng: Random, dialogue: Dialogue) -> None:
    """Add turns before it, or a system prompt, now and then a long one."""
    has_system = dialogue.messages[0]["role"] == "system"
    if rng.random() < _WITH_MORE_TURNS and not dialogue.given and not dialogue.alone:
        most = 2 if rng.random() < 0.9 else rng.choice((8, 16, 32))
        dialogue.messages[has_system:has_system] = memory.between(rng, most)
    long = filler(rng, rng.choice((100, 200, 200, 400, 400, 800, 1500))) if rng.random() < _LONG else ""
    if has_system and long:
        dialogue.messages[0]["content"] = f"{long}\n{dialogue.messages[0]['content']}"
    elif long:
        dialogue.messages.insert(0, {"role": "system", "content": long})
    elif not has_system and rng.random() < _WITH_SYSTEM:
        text = system(rng)
        if rng.random() < 0.15:
            text += " " + filler(rng, rng.choice((10, 20, 40, 80)))
        dialogue.messages.insert(0, {"role": "system", "content": text})


def held_out() -> set[str]:
    """What users say last in the evaluation, made `plain`, but for a few openings that nobody could do without."""
    found = [json.loads(line) for file in (HELD_OUT, TUNING) for line in file.read_text(encoding="utf-8").splitlines()]
    last = ([message["content"] for message in prompt["messages"] if message["role"] == "user"][-1] for prompt in found)
    return {plain(str(text)) for text in last} - _OPENINGS


def plain(text: str) -> str:
    """A text without case, marks and spaces at its ends: what is the same for a reader."""
    return " ".join(re.sub(r"[^\w\s+*/-]", " ", text.casefold()).split())


# What people say first, always: a few prompts with tools or a system prompt end in it, none is that alone.
_OPENINGS = {"hello", "how are you"}
