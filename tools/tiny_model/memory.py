"""What is copied from the conversation: words to repeat, things to remember, a name that the system prompt gives."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from . import beyond, server, talk
from .dialogue import Dialogue, Message, assistant, user
from .noise import typed
from .sentences import sentences
from .strings import (
    COLOURS,
    FOODS,
    JOBS,
    KIN,
    NOUNS,
    PETS,
    city,
    invented,
    name,
    number,
    phrase,
    word,
)

NAME_UNKNOWN = "You have not told me your name yet."
UNKNOWN = "You have not told me that yet."


_TEXTS = sentences("memory")
_REPEAT, _WHO, _CALLED = _TEXTS["repeat"], _TEXTS["who"], _TEXTS["called"]
# What fills the sentences of ``[[told]]``, in the order of the file.
_MAKES: tuple[Callable[[Random], str], ...] = (
    city,
    lambda rng: str(number(rng, 2)),
    lambda rng: rng.choice(JOBS) if rng.random() < 0.6 else invented(rng),
    word,
    word,
    word,
    lambda rng: str(number(rng)),
)
_TOLD = tuple(zip(_TEXTS["told"], _MAKES, strict=True))


def _value(rng: Random, kind: str) -> str:
    lists: dict[str, list[str]] = {"colour": COLOURS, "color": COLOURS, "food": FOODS, "animal": NOUNS, "dish": FOODS}
    if kind in lists and rng.random() < 0.5:
        return rng.choice(lists[kind])
    return invented(rng) if rng.random() < 0.7 else word(rng)


def _told(rng: Random) -> tuple[str, str, str, str]:
    """What is said, the answer to it, the question later on, and its answer."""
    draw = rng.random()
    if draw < 0.35:
        who = name(rng)
        if rng.random() < 0.1:
            who = who.lower()
        frame = rng.choice(_CALLED)
        return (
            typed(rng, frame, who, polite=False),
            _meet(who),
            typed(rng, rng.choice(_WHO), polite=False),
            f"Your name is {who}.",
        )
    if draw < 0.5:
        kind = rng.choice(
            "colour color food animal number song book film city season word sport drink dish game fruit".split()
        )
        value = _value(rng, kind)
        said = rng.choice(("My favourite {} is {}.", "My favorite {} is {}.", "my favourite {} is {}, you know"))
        how = "favorite" if "favorite" in said else "favourite"
        asked = rng.choice(
            (
                f"What is my {how} {kind}?",
                f"what's my {how} {kind}",
                f"Do you know my {how} {kind}?",
                f"my {how} {kind}?",
                f"Which {kind} is my {how}?",
                f"tell me my {how} {kind}",
            )
        )
        fact = f"your {how} {kind} is {value}"
        return (
            typed(rng, said, kind, value, polite=False),
            _noted(fact),
            typed(rng, asked, polite=False),
            _sentence(fact),
        )
    if draw < 0.68:
        kind, who = rng.choice(PETS if rng.random() < 0.5 else KIN), name(rng)
        said = rng.choice(
            (
                "My {} is called {}.",
                "My {} is named {}.",
                "My {}'s name is {}.",
                "I have a {} called {}.",
                "I have a {} named {}.",
                "the name of my {} is {}",
            )
        )
        asked = rng.choice(
            (
                f"What is my {kind} called?",
                f"What is the name of my {kind}?",
                f"what's my {kind}'s name?",
                f"my {kind}'s name?",
                f"Do you remember what my {kind} is called?",
                f"how is my {kind} called?",
                f"tell me the name of my {kind}",
                f"What is my {kind}'s name?",
            )
        )
        fact = f"your {kind} is called {who}"
        return typed(rng, said, kind, who, polite=False), _noted(fact), typed(rng, asked, polite=False), _sentence(fact)
    told, make = rng.choice(_TOLD)
    value = make(rng)
    return (
        typed(rng, rng.choice(told["said"]), value, polite=False),
        _noted(told["noted"].format(value)),
        typed(rng, rng.choice(told["asked"]), polite=False),
        told["answer"].format(value),
    )


def _meet(who: str) -> str:
    return f"Nice to meet you, {who}! How can I help you?"


def _noted(fact: str) -> str:
    return f"Thank you, I will remember {'' if fact.startswith('the word ') else 'that '}{fact}."


def _sentence(fact: str) -> str:
    return fact[0].upper() + fact[1:] + "."


def repeated(rng: Random) -> Dialogue:
    draw = rng.random()
    if draw < 0.15:
        who = name(rng)
        return _two(typed(rng, rng.choice(_TEXTS["greet"]), who, polite=False), f"Hello, {who}!")
    if draw < 0.28:
        who = name(rng)
        who = who.lower() if rng.random() < 0.15 else who
        return _two(typed(rng, rng.choice(_CALLED), who, polite=False), _meet(who))
    if draw < 0.36:
        said, noted, _, _ = _told(rng)
        return _two(said, noted)
    text = phrase(rng)
    if rng.random() < 0.04:
        text = "this is a test"
    return _two(
        typed(rng, rng.choice(_REPEAT), text, polite=rng.random() < 0.3),
        text.rstrip() if text[-1] not in ".!" else text,
    )


def _two(said: str, answer: str) -> Dialogue:
    return Dialogue([user(said), assistant(answer)])


def turn(rng: Random) -> tuple[str, str]:
    """Something between, as it comes in a conversation."""
    draw = rng.random()
    if draw < 0.42:
        return talk.small_talk(rng)
    if draw < 0.72:
        return server.question(rng)
    if draw < 0.82:
        return talk.about_itself(rng)
    if draw < 0.9:
        text = phrase(rng)
        return typed(rng, rng.choice(_REPEAT), text, polite=False), text
    return beyond.question(rng)


def between(rng: Random, most: int) -> list[Message]:
    """At most so many turns of something else."""
    found = []
    for _ in range(rng.randint(0, most)):
        asked, answer = turn(rng)
        found += [user(asked), assistant(answer)]
    return found


def recalled(rng: Random, most: int = 2) -> Dialogue:
    draw = rng.random()
    if draw < 0.1:
        asked, answer = turn(rng)
        mine = rng.random() < 0.55
        question = rng.choice(
            (
                "What did I just ask?",
                "What was my last question?",
                "What did I say?",
                "what did i just say",
                "Repeat my question.",
            )
            if mine
            else (
                "What did you just say?",
                "Say that again.",
                "Repeat that.",
                "What did you say?",
                "Again, please.",
                "once more",
            )
        )
        return Dialogue(
            [
                user(asked),
                assistant(answer),
                user(typed(rng, question)),
                assistant(f"You said: {asked}" if mine else answer),
            ]
        )
    if draw < 0.2:
        said, noted, asked, answer = _told(rng)
        _, _, other, wrong = _told(rng)
        told = [user(said), assistant(noted)] if rng.random() < 0.5 else []
        if told and (wrong.split()[:3] == answer.split()[:3] or "city" in other or "home" in other):
            return Dialogue([*told, user(asked), assistant(answer)])
        missing = NAME_UNKNOWN if wrong.startswith("Your name is") else UNKNOWN
        return Dialogue([*told, *between(rng, 1), user(other), assistant(missing)])
    if draw < 0.3:
        who, where = name(rng), city(rng)
        said = typed(
            rng,
            rng.choice(
                (
                    "My name is {} and I live in {}.",
                    "I am {} from {}.",
                    "Hi, I'm {} and I come from {}.",
                    "I'm {}, I live in {}",
                )
            ),
            who,
            where,
            polite=False,
        )
        asked, answer = (
            (rng.choice(_WHO), f"Your name is {who}.")
            if rng.random() < 0.5
            else (rng.choice(_TOLD[0][0]["asked"]), f"You live in {where}.")
        )
        return Dialogue(
            [
                user(said),
                assistant(_meet(who)),
                *between(rng, most),
                user(typed(rng, asked, polite=False)),
                assistant(answer),
            ]
        )
    facts = [_told(rng) for _ in range(2 if draw < 0.42 else 1)]
    if len(facts) == 2 and facts[0][3].split()[:3] == facts[1][3].split()[:3]:
        facts.pop()
    messages: list[Message] = []
    for said, noted, _, _ in facts:
        messages += [user(said), assistant(noted)]
    messages += between(rng, most)
    for _, _, asked, answer in rng.sample(facts, len(facts)):
        messages += [user(asked), assistant(answer)]
    return Dialogue(messages)


_TITLES = "Captain Doctor Professor Sir Queen King Mister Agent Uncle Aunt Detective Chef".split()


def persona(rng: Random) -> Dialogue:
    who = name(rng)
    if rng.random() < 0.12:
        who = who.upper()
    elif rng.random() < 0.2:
        who = f"{rng.choice(_TITLES)} {who}"
    frame = rng.choice(_TEXTS["persona"])
    others = iter([word(rng), word(rng)])
    filled = frame.replace("{*}", "\0")
    if "\0" in filled:
        system = filled.replace("{}", next(others)).replace("\0", who)
    else:
        system = filled.replace("{}", who, 1).replace("{}", next(others))
    asked = typed(rng, rng.choice(_TEXTS["named"]), polite=False)
    answer = f"I am {who}. How can I help you?"
    if rng.random() < 0.2:
        asked, answer = turn(rng)
        if answer in (talk.SELF, talk.SMALL):
            answer = f"I am {who}. How can I help you?"
    return Dialogue(
        [{"role": "system", "content": system}, *between(rng, rng.choice((0, 0, 0, 1))), user(asked), assistant(answer)]
    )
