"""The corpus: dialogues from a seed, as many as wanted, none of which a prompt of the evaluation begins."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from random import Random

from . import beyond, calls, extraction, memory, server, talk
from .dialogue import Dialogue, assistant, user
from .files import HELD_OUT
from .filler import filler

_SYSTEM = (
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "Be brief.",
    "Answer in one sentence.",
    "You answer in one short sentence.",
    "You are ChatGPT.",
    "Be concise and helpful.",
    "You are a test assistant.",
    "Be kind.",
)


def _once(make: Callable[[Random], tuple[str, str]]) -> Callable[[Random], Dialogue]:
    def dialogue(rng: Random) -> Dialogue:
        asked, answer = make(rng)
        return Dialogue([user(asked), assistant(answer)])

    return dialogue


Make = Callable[[Random], Dialogue]
# Each sort with its share in the first part of the corpus, where copying is learned, and in the rest.
SORTS: tuple[tuple[Make, float, float], ...] = (
    (_once(talk.small_talk), 3, 8),
    (_once(talk.about_itself), 2, 5),
    (_once(talk.fact), 1, 3),
    (talk.foreign, 2, 4),
    (server.asked, 12, 22),
    (memory.repeated, 38, 12),
    (lambda rng: memory.recalled(rng, 1), 14, 4),
    (lambda rng: memory.recalled(rng, 3), 0, 8),
    (memory.persona, 6, 5),
    (_once(beyond.sum_), 3, 6),
    (calls.called, 6, 15),
    (extraction.as_json, 9, 6),
    (_once(beyond.question), 4, 12),
)
# How many dialogues come first, and how many of the rest get more around them.
FIRST = 24_000
_WITH_MORE_TURNS, _WITH_SYSTEM, _LONG = 0.1, 0.2, 0.008


def dialogues(count: int, seed: int) -> Iterator[Dialogue]:
    """So many dialogues, always the same ones for a seed."""
    rng = Random(seed)
    forbidden = held_out()
    makes = [make for make, _, _ in SORTS]
    made = 0
    while made < count:
        early = made < FIRST
        dialogue = rng.choices(makes, [sort[1] if early else sort[2] for sort in SORTS])[0](rng)
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
    if rng.random() < _WITH_MORE_TURNS and not dialogue.given:
        dialogue.messages[has_system:has_system] = memory.between(rng, 2)
    if not has_system and rng.random() < _WITH_SYSTEM:
        text = rng.choice(_SYSTEM)
        if rng.random() < 0.15:
            text += " " + filler(rng, rng.choice((10, 20, 40, 80)))
        dialogue.messages.insert(0, {"role": "system", "content": text})
    elif not has_system and rng.random() < _LONG:
        dialogue.messages.insert(0, {"role": "system", "content": filler(rng, rng.choice((150, 300, 450)))})


def held_out() -> set[str]:
    """What users say last in the evaluation, made `plain`."""
    with HELD_OUT.open(encoding="utf-8") as lines:
        found = (json.loads(line)["messages"] for line in lines)
        return {
            plain(str(message["content"])) for messages in found for message in messages if message["role"] == "user"
        } - _OPENINGS


def plain(text: str) -> str:
    """A text without case, marks and spaces at its ends: what is the same for a reader."""
    return " ".join(re.sub(r"[^\w\s+*/-]", " ", text.casefold()).split())


# What stands before the question that is measured, and is no question itself.
_OPENINGS = {
    plain(text)
    for text in (
        "Hello!",
        "hello",
        "Thanks!",
        "thanks",
        "How do I stream?",
        "how do I stream",
        "Tell me a joke.",
        "Tell me a joke",
        "How are you?",
    )
}
