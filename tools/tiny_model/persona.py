"""A name that the system prompt gives to the assistant."""

from __future__ import annotations

import re
from random import Random

from . import memory, talk
from .dialogue import Dialogue, Message, assistant, user
from .facts import NAME_UNKNOWN, UNKNOWN, asked_for, of_sort
from .people import in_full, person
from .sentences import sentences
from .strings import ADJECTIVES, JOBS, WORDS, city, invented, name, number, plural, with_article, word

_TEXTS = sentences("memory")
# Names of real assistants; none of these is given.
_PRODUCTS = re.compile(
    r"\b(chat ?gpt|gpt|claude|gemini|gemma|siri|alexa|copilot|cortana|bixby|bard|grok|llama|mistral|qwen|deepseek)",
    re.I,
)
# Facts that no system prompt here has.
_OF_USERS = ("age", "birthday", "pet", "favourite", "hobby", "phone number", "shoe size", "age of pet", "allergy")


def _assistants_name(rng: Random) -> str:
    """A name, but none of an assistant that there is."""
    while _PRODUCTS.search(who := _any_name(rng)):
        pass
    return who


def _any_name(rng: Random) -> str:
    who, draw = name(rng), rng.random()
    if draw < 0.1:
        return who.upper()
    if draw < 0.42:
        return in_full(rng)
    if draw < 0.5:
        return f"{who}{rng.choice(('Bot', 'GPT', ' 3000', '-1', 'AI', ' Bot', ' AI'))}"
    if draw < 0.55:
        return f"{rng.choice(ADJECTIVES).capitalize()} {word(rng).capitalize()}"
    return f"{who} {name(rng)}" if draw < 0.6 else who


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
    """A question to an assistant that the system prompt has named."""
    who, user_name = _assistants_name(rng), person(rng)
    frame = rng.choice(_TEXTS["persona"])
    messages: list[Message] = [{"role": "system", "content": _filled(rng, frame, who, user_name)}]
    messages += memory.between(rng, rng.choice((0, 0, 0, 1)))
    draw = rng.random()
    if ("{user}" in frame and draw < 0.4) or draw < 0.06:
        asked = asked_for(rng, rng.choice(_TEXTS["who"]))
        answer = f"Your name is {user_name}." if "{user}" in frame else NAME_UNKNOWN
        return _as(who, [*messages, user(asked), assistant(answer)])
    if draw > 0.96:
        # What is said of the assistant is not said of the user.
        asked = of_sort(rng, rng.choice(_OF_USERS)).question(rng)
        return _as(who, [*messages, user(asked), assistant(UNKNOWN)])
    asked, answer = asked_for(rng, rng.choice(_TEXTS["named"])), talk.SELF
    if draw > 0.78:
        asked, answer = memory.turn(rng)
    return _as(who, [*messages, user(asked), assistant(answer)])


def _as(who: str, messages: list[Message]) -> Dialogue:
    """The dialogue where the assistant, asked what it is, always gives this name."""
    for message in messages:
        if message["content"] in (talk.SELF, talk.SMALL):
            message["content"] = f"I am {who}. How can I help you?"
    return Dialogue(messages, alone=True)
