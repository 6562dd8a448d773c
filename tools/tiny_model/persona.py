"""A name that the system prompt gives to the assistant."""

from __future__ import annotations

import re
from random import Random

from . import memory, talk
from .dialogue import Dialogue, Message, assistant, user
from .facts import NAME_UNKNOWN
from .noise import typed
from .sentences import sentences
from .strings import ADJECTIVES, JOBS, WORDS, city, invented, name, number, plural, with_article, word

_TEXTS = sentences("memory")
_TITLES = "Captain Doctor Professor Sir Queen King Mister Agent Uncle Aunt Detective Chef Lady Lord Miss Major".split()


def _assistants_name(rng: Random) -> str:
    who, draw = name(rng), rng.random()
    if draw < 0.1:
        return who.upper()
    if draw < 0.25:
        return f"{rng.choice(_TITLES)} {who}"
    if draw < 0.33:
        return f"{who}{rng.choice(('Bot', 'GPT', ' 3000', '-1', 'AI', ' Bot', ' AI'))}"
    if draw < 0.38:
        return f"{rng.choice(ADJECTIVES).capitalize()} {word(rng).capitalize()}"
    return f"{who} {name(rng)}" if draw < 0.43 else who


def _company(rng: Random) -> str:
    made = invented(rng).capitalize() if rng.random() < 0.7 else rng.choice((name, city))(rng)
    return f"{made}{rng.choice(('', '', '', ' Ltd', ' Inc', ' Group', ' Air', ' Bank', ' Foods', ' Labs', ' Systems'))}"


def _filled(rng: Random, frame: str, who: str, user_name: str) -> str:
    """The frame with the assistant's name, and words that have nothing to do with it."""

    def fill(found: re.Match[str]) -> str:
        job = rng.choice(JOBS)
        return {
            "*": lambda: who,
            "user": lambda: user_name,
            "name": lambda: name(rng),
            "company": lambda: _company(rng),
            "city": lambda: city(rng),
            "adjective": lambda: rng.choice(ADJECTIVES),
            "job": lambda: job,
            "a_job": lambda: with_article(job),
            "thing": lambda: plural(word(rng)) if found["plural"] else word(rng),
            "pet": lambda: rng.choice(WORDS["pets"]),
            "language": lambda: rng.choice(WORDS["languages"]),
            "number": lambda: str(number(rng, 2)),
        }[found["sort"]]()

    text = re.sub(r"\{(?P<sort>[a-z_]+|\*)\}(?P<plural>s(?!\w))?", fill, frame)
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)


def persona(rng: Random) -> Dialogue:
    who, user_name = _assistants_name(rng), name(rng)
    frame = rng.choice(_TEXTS["persona"])
    messages: list[Message] = [{"role": "system", "content": _filled(rng, frame, who, user_name)}]
    messages += memory.between(rng, rng.choice((0, 0, 0, 1)))
    draw = rng.random()
    if ("{user}" in frame and draw < 0.4) or draw < 0.03:
        asked = typed(rng, rng.choice(_TEXTS["who"]), polite=False)
        answer = f"Your name is {user_name}." if "{user}" in frame else NAME_UNKNOWN
        return _as(who, [*messages, user(asked), assistant(answer)])
    asked, answer = typed(rng, rng.choice(_TEXTS["named"]), polite=False), talk.SELF
    if draw > 0.8:
        asked, answer = memory.turn(rng)
    return _as(who, [*messages, user(asked), assistant(answer)])


def _as(who: str, messages: list[Message]) -> Dialogue:
    """The dialogue where the assistant, asked what it is, always gives this name."""
    for message in messages:
        if message["content"] in (talk.SELF, talk.SMALL):
            message["content"] = f"I am {who}. How can I help you?"
    return Dialogue(messages, alone=True)
