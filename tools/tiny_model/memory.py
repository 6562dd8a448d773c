"""What is remembered over a few turns: facts that were told, and what was said."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from . import beyond, copying, server, talk
from .dialogue import Dialogue, Message, assistant, user
from .facts import NAME, Fact, another, fact, meet, named, noted, of_sort, some
from .noise import typed
from .sentences import sentences

_TEXTS = sentences("memory")
# How often the history has another assistant's words for having heard a fact.
_FOREIGN = 0.35
_OF_PETS = ("pet", "age of pet")
_BY_THE_WAY = re.compile(r"\b(I am an?|I'm an?|I work|my \w+|our \w+|project|name|call me)\b", re.I)


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
        return copying.repetition(rng)
    return beyond.question(rng)


def harmless(rng: Random) -> tuple[str, str]:
    """A turn that has no words to be kept in mind."""
    return rng.choice((talk.small_talk, talk.small_talk, server.question, talk.about_itself))(rng)


def between(rng: Random, most: int, make: Callable[[Random], tuple[str, str]] = turn) -> list[Message]:
    """At most so many turns of something else."""
    found = []
    for _ in range(rng.randint(0, most)):
        asked, answer = make(rng)
        found += [user(asked), assistant(answer)]
    return found


def recalled(rng: Random, most: int) -> Dialogue:
    """Facts that are told, and asked for after at most so many other turns."""
    draw = rng.random()
    if draw < 0.08:
        return _said_before(rng)
    if draw < 0.18:
        return _not_told(rng, most)
    if draw < 0.24:
        return _name_and_city(rng, most)
    if draw < 0.3:
        return _in_system(rng, most)
    if draw < 0.36:
        return _corrected(rng, most)
    if draw < 0.43:
        return _at_once(rng, most)
    if draw < 0.46:
        return _in_a_message(rng)
    facts = some(rng, rng.choice((1, 1, 1, 1, 1, 2, 2, 3)))
    history = _History(rng)
    for told in facts:
        history.tell(told)
        if len(facts) > 1 and rng.random() < 0.15:
            history.messages += between(rng, 1)
    return history.asked(facts, most)


class _History:
    """Messages so far; ``given`` are answers in other words than ours, which are not learned."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.messages: list[Message] = []
        self.given: set[str] = set()

    def tell(self, told: Fact, said: str = "", answer: str = "") -> None:
        answer = answer or told.acknowledged()
        if self.rng.random() < _FOREIGN:
            answer = _otherwise(self.rng, told)
            self.given.add(answer)
        self.messages += [user(said or told.said(self.rng)), assistant(answer)]

    def asked(self, facts: list[Fact], most: int) -> Dialogue:
        """The dialogue, with questions about some of these facts after at most so many other turns."""
        rng = self.rng
        others = between(rng, most)
        self.messages += others
        alone = len(facts) == 1
        turns = [
            [user(told.question(rng, alone=alone)), assistant(told.answer)]
            for told in rng.sample(facts, rng.randint(1, len(facts)))
        ]
        if len(facts) > 1 and rng.random() < 0.08:
            turns.append(_both(rng, *rng.sample(facts, 2)))
        if rng.random() < 0.12 and not others:
            turns.insert(rng.randint(0, len(turns)), _unknown(rng, facts))
        self.messages += [message for each in turns for message in each]
        return self.dialogue()

    def dialogue(self) -> Dialogue:
        return Dialogue(self.messages, given=frozenset(self.given))


def _otherwise(rng: Random, told: Fact) -> str:
    """What another assistant might say to a fact."""
    if told.sort == NAME:
        sort = "met" if rng.random() < 0.85 else "noted"
    else:
        sort = "place" if told.sort in ("city", "birthplace", "travel") and rng.random() < 0.5 else "noted"
    text = str(rng.choice(_TEXTS[sort])).replace("{}", told.value)
    draw = rng.random()
    if draw < 0.3:
        text = f"{text} {rng.choice(_TEXTS['more'])}"
    elif sort == "noted" and draw < 0.45:
        text = f"{text} {rng.choice(_TEXTS['taken']).replace('{}', told.noted)}"
    elif sort == "noted" and draw < 0.6:
        text = f"{text} {told.answer}"
    elif sort == "noted" and draw < 0.68:
        text = rng.choice(_TEXTS["taken"]).replace("{}", told.noted)
        text = text[0].upper() + text[1:]
    return text


def _said_before(rng: Random) -> Dialogue:
    """Questions about what was said, not about what it means."""
    turns = [turn(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    draw = rng.random()
    sort = "mine" if draw < 0.45 else "yours" if draw < 0.8 else "first"
    answer = {"mine": f"You said: {turns[-1][0]}", "yours": turns[-1][1], "first": f"You said: {turns[0][0]}"}[sort]
    messages: list[Message] = []
    for said, replied in turns:
        messages += [user(said), assistant(replied)]
    return Dialogue([*messages, user(typed(rng, rng.choice(_TEXTS[sort]))), assistant(answer)], alone=True)


def _unknown(rng: Random, facts: list[Fact]) -> list[Message]:
    """A question about what is none of these facts."""
    other = another(rng, facts)
    # Kinds are left open only where there is nothing of any kind.
    alone = not facts or (other.sort == "pet" and not any(told.sort in _OF_PETS for told in facts))
    return [user(other.question(rng, alone=alone)), assistant(other.unknown)]


def _both(rng: Random, one: Fact, other: Fact) -> list[Message]:
    """Two questions in one."""
    asked = one.question(rng).rstrip("?.! ") + rng.choice((" and ", ", and ", " & ", "? And ", "? "))
    return [user(asked + other.question(rng)), assistant(f"{one.answer} {other.answer}")]


def _in_a_message(rng: Random) -> Dialogue:
    """A fact that is asked for as soon as it is told."""
    told = of_sort(rng, rng.choice(("phrase", "word", "number", "code"))) if rng.random() < 0.5 else fact(rng)
    said, asked = told.said(rng), told.question(rng, alone=True)
    joint = (
        rng.choice((" ", " ", "\n", " Now, ", " So, ")) if said[-1] in ".!?" else rng.choice((". ", "; ", ".\n", "! "))
    )
    return Dialogue([user(f"{said}{joint}{asked}"), assistant(told.answer)])


def _hints(messages: list[Message]) -> bool:
    """Whether a user says by the way what might be asked for, as in `noise`."""
    return any(_BY_THE_WAY.search(str(message["content"])) for message in messages if message["role"] == "user")


def _not_told(rng: Random, most: int) -> Dialogue:
    """A question about what was never told, while other things were, or nothing; before it or after it perhaps one
    about what was."""
    facts = some(rng, rng.choice((0, 0, 1, 1, 1, 1, 2, 2, 3)))
    history = _History(rng)
    while _hints(others := between(rng, rng.choice((0, 0, 0, 1, most)), harmless)):
        pass
    if rng.random() < 0.35:
        history.messages += others
        others = []
    for told in facts:
        history.tell(told)
    history.messages += others
    turns = [_unknown(rng, facts)]
    if rng.random() < 0.15:
        first = turns[0][0]["content"]
        second = _unknown(rng, facts)
        turns += [second] if second[0]["content"] != first else []
    if facts and rng.random() < 0.45:
        told = rng.choice(facts)
        turns.insert(rng.randint(0, len(turns)), [user(told.question(rng)), assistant(told.answer)])
    history.messages += [message for each in turns for message in each]
    return Dialogue(history.messages, given=frozenset(history.given), alone=True)


def _name_and_city(rng: Random, most: int) -> Dialogue:
    who, where = named(rng), of_sort(rng, "city")
    said = typed(rng, rng.choice(_TEXTS["name_and_city"]), who.value, where.value, polite=False)
    history = _History(rng)
    history.tell(who, said)
    return history.asked([who, where], most)


def _in_system(rng: Random, most: int) -> Dialogue:
    """What the system prompt says of the user."""
    facts = some(rng, rng.choice((1, 1, 1, 2, 3)))
    parts = [
        rng.choice(_TEXTS["user_is"]).replace("{}", told.value) if told.sort == NAME else told.by_others()
        for told in facts
    ]
    if rng.random() < 0.4:
        parts.insert(0, rng.choice(("You are a helpful assistant.", "Be brief.", "About the user:", "Facts:")))
    history = _History(rng)
    history.messages.append({"role": "system", "content": rng.choice((" ", " ", "\n")).join(parts)})
    return history.asked(facts, most)


def _corrected(rng: Random, most: int) -> Dialogue:
    """Something else is told later, and counts."""
    old = fact(rng)
    new = named(rng) if old.sort == NAME else of_sort(rng, old.sort, old.about)
    if old.sort == NAME:
        said = typed(rng, rng.choice(_TEXTS["names_corrected"]), new.value, polite=False)
    else:
        if not new.clause:
            return _corrected(rng, most)
        frame, end = rng.choice(_TEXTS["correct"]), rng.choice((".", ".", ""))
        said = frame.replace("{}", new.clause if ". {" in frame else _within(new.clause)) + end
    history = _History(rng)
    history.tell(old)
    history.messages += between(rng, 1)
    history.tell(new, said)
    return history.asked([new], most)


def _within(clause: str) -> str:
    """A clause that does not begin its sentence."""
    return clause if clause[0] == "I" else clause[0].lower() + clause[1:]


def _at_once(rng: Random, most: int) -> Dialogue:
    """Two facts in a message, or one with something that needs no answer."""
    facts = some(rng, 2)
    if rng.random() < 0.3:
        who = named(rng)
        history = _History(rng)
        history.tell(who, copying.with_need(rng, who))
        return history.asked([who], most)
    names = [told for told in facts if told.sort == NAME]
    answer = meet(names[0].value) if names else noted(*(told.noted for told in facts))
    one, other = (told.clause for told in facts)
    if one and other and rng.random() < 0.7:
        joint = rng.choice((" and ", " and ", ", and ", ". "))
        said = one + joint + (other if joint == ". " else _within(other)) + rng.choice((".", ".", ""))
    else:
        said = f"{facts[0].said(rng).rstrip('.,!? ')}. {facts[1].said(rng)}"
    history = _History(rng)
    history.tell(facts[0], said, answer)
    return history.asked(facts, most)
