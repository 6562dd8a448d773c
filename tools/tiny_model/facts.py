"""What a user tells about themselves, and how it is asked for later."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from .noise import typed
from .sentences import sentences
from .strings import JOBS, WORDS, city, clock, code, invented, known, name, number, with_article, word
from .values import title

NAME_UNKNOWN = "You have not told me your name yet."
UNKNOWN = "You have not told me that yet."

_TEXTS = sentences("memory")
_TOLD: dict[str, dict[str, Any]] = {told["sort"]: told for told in _TEXTS["told"]}
_SAME = [set(kinds) for kinds in _TEXTS["same"]]
NAME = "name"


def _job(rng: Random) -> str:
    return rng.choice(JOBS) if rng.random() < 0.7 else invented(rng)


def _date(rng: Random) -> str:
    day, month = rng.randint(1, 28), rng.choice(WORDS["months"])
    return rng.choice((f"{month} {day}", f"{day} {month}", f"the {_th(day)} of {month}"))


def _th(day: int) -> str:
    return f"{day}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th') if day not in (11, 12, 13) else 'th' }"


def _phone(rng: Random) -> str:
    return rng.choice(("", "", "0", "+")) + "".join(str(rng.randrange(1, 10)) for _ in range(rng.randint(5, 9)))


def _secret(rng: Random) -> str:
    return rng.choice((word(rng), word(rng), code(rng), f"{word(rng)}{number(rng, 2)}"))


def _named(rng: Random, *after: str) -> str:
    """Something that has a capital, and perhaps a word after it: Hill School."""
    return f"{rng.choice((name, city))(rng)} {rng.choice(after)}".strip()


# How the values are made that the file names; other names are those of lists of words.
_MAKES: dict[str, Callable[[Random], str]] = {
    "age": lambda rng: str(rng.randint(10, 99)),
    "city": city,
    "clock": clock,
    "code": code,
    "company": lambda rng: _named(
        rng, "", "", "Bakery", "Bank", "Books", "Foods", "Group", "Labs", "Motors", "Systems"
    ),
    "date": _date,
    "flight": lambda rng: f"{rng.choice('ABDEFKLMQSU')}{rng.choice('AFHKLRXZ')}{number(rng, rng.choice((2, 3, 4)))}",
    "food": lambda rng: known(rng, "foods"),
    "height": lambda rng: str(rng.randint(140, 210)),
    "job": _job,
    "login": lambda rng: invented(rng, 2) + rng.choice(("", "", str(number(rng)))),
    "name": name,
    "number": lambda rng: str(number(rng)),
    "pet age": lambda rng: str(rng.randint(2, 25)),
    "phone": _phone,
    "pin": lambda rng: str(number(rng, 4)),
    "place": lambda rng: rng.choice(WORDS["places"]) if rng.random() < 0.5 else f"the {word(rng)}",
    "parking": lambda rng: rng.choice(WORDS["parking"]) if rng.random() < 0.5 else f"the {word(rng)}",
    "room": lambda rng: str(number(rng, 3)) if rng.random() < 0.8 else f"{rng.choice('ABCDE')}{number(rng, 2)}",
    "school": lambda rng: _named(rng, "School", "School", "College", "High School", "Academy", "Primary School"),
    "seat": lambda rng: f"{rng.randint(1, 60)}{rng.choice('ABCDEF')}",
    "secret": _secret,
    "shoe": lambda rng: str(rng.randint(20, 49)),
    "small": lambda rng: rng.choice(("two", "three", "four", "five", "six", "seven", "2", "3", "4", "5", "6")),
    "street": lambda rng: _named(rng, "Street", "Street", "Road", "Avenue", "Lane", "Square"),
    "team": lambda rng: (
        f"{rng.choice(('FC ', 'the ', '', ''))}{_named(rng, '', 'Tigers', 'United', 'Rovers', 'Bears')}"
    ),
    "title": title,
    "project": lambda rng: invented(rng).capitalize() if rng.random() < 0.6 else word(rng),
    "word": word,
}
_LISTS = {"allergy": "allergies"} | {
    one: f"{one}s" for one in "month instrument weekday subject language car colour".split()
}
_LISTS |= {"country": "countries", "hobby": "hobbies"}


def _value(rng: Random, make: str) -> str:
    return _MAKES[make](rng) if make in _MAKES else known(rng, _LISTS.get(make, make))


@dataclass(frozen=True, slots=True)
class Fact:
    """``about`` is the sort of thing that the fact is of, as a dog for its name; ``frame`` has ``{}`` for the value."""

    sort: str
    about: str
    value: str
    frame: str
    noted: str
    answer: str
    asked: tuple[str, ...]
    alone: tuple[str, ...] = ()

    def said(self, rng: Random) -> str:
        return typed(rng, self.frame, self.value, polite=False)

    def question(self, rng: Random, *, alone: bool = False) -> str:
        """A question that this fact answers; ``alone``: also those that another fact might answer."""
        frames = self.alone if alone and self.alone and rng.random() < 0.25 else self.asked
        return typed(rng, rng.choice(frames), polite=False)

    def acknowledged(self) -> str:
        return meet(self.value) if self.sort == NAME else noted(self.noted)

    @property
    def unknown(self) -> str:
        return NAME_UNKNOWN if self.sort == NAME else UNKNOWN

    @property
    def clause(self) -> str:
        """What is said as a part of a sentence, "" if it is none: I live in Paris"""
        whole = re.fullmatch(r"(I|I'm|My|Our|The) [^.?!:,=]+\.?", self.frame)
        return self.frame.rstrip(".").replace("{}", self.value) if whole else ""

    def by_others(self) -> str:
        """The same in a system prompt: The user lives in Paris."""
        if not self.answer.startswith("You"):
            return self.answer
        if self.answer.startswith("Your "):
            return "The user's " + self.answer.removeprefix("Your ")
        _, verb, rest = self.answer.split(" ", 2)
        third = {"are": "is", "were": "was", "have": "has", "go": "goes"}.get(
            verb, verb if verb[-2:] == "ed" else verb + "s"
        )
        third = verb if verb in ("had", "bought") else third
        return f"The user {third} {rest}"


def meet(who: str) -> str:
    return f"Nice to meet you, {who}! How can I help you?"


def noted(*facts: str) -> str:
    listed = " and ".join(fact if fact.startswith("the word ") else f"that {fact}" for fact in facts)
    return f"Thank you, I will remember {listed}."


def fact(rng: Random) -> Fact:
    """Any: the name is told often, favourites, pets and family more often than the rest."""
    draw = rng.random()
    if draw < 0.25:
        return named(rng)
    if draw < 0.37:
        return of_sort(rng, "favourite")
    if draw < 0.46:
        return of_sort(rng, "pet")
    if draw < 0.53:
        return of_sort(rng, "kin")
    return of_sort(rng, rng.choice(list(_TOLD)))


def named(rng: Random) -> Fact:
    who = name(rng)
    who = who.lower() if rng.random() < 0.1 else who
    frame = rng.choice(_TEXTS["called"])
    return Fact(NAME, "", who, frame, f"your name is {who}", f"Your name is {who}.", tuple(_TEXTS["who"]))


def of_sort(rng: Random, sort: str, about: str = "") -> Fact:
    """A fact of a sort of the file, of a certain kind where it has kinds."""
    told = _TOLD[sort]
    kinds = told.get("makes") or (WORDS[told["kinds"]] if "kinds" in told else [""])
    about = about or rng.choice(list(kinds))
    value = _value(rng, told["makes"][about] if "makes" in told else told["value"])
    british = rng.random() < 0.5 or about in ("colour", "color")
    spelled = "favourite" if (british and about != "color") else "favorite"

    def filled(text: str) -> str:
        text = text.replace("{kind}", about).replace("favourite", spelled)
        return text.replace("{a kind}", with_article(about) if about else "")

    frame = filled(rng.choice(told["said"]))
    if "{a}" in frame:
        frame = frame.replace("{a}", with_article(value)[: -len(value)] + "{}")
    facts = [filled(told[key]).replace("{a}", with_article(value)).replace("{}", value) for key in ("noted", "answer")]
    asked, alone = (tuple(filled(each) for each in told.get(key, ())) for key in ("asked", "alone"))
    return Fact(sort, about, value, frame, facts[0], facts[1], asked, alone)


def apart(one: Fact, other: Fact) -> bool:
    """Whether no question about one could be meant for the other."""
    if one.sort == other.sort:
        return bool(one.about) and not _alike(one.about, other.about)
    if one.about == other.sort or other.about == one.sort:
        return False
    return not _groups(one.sort) & _groups(other.sort)


def _groups(sort: str) -> set[str]:
    return {"name"} if sort == NAME else set(_TOLD[sort]["group"].split())


def _alike(one: str, other: str) -> bool:
    return one in other or other in one or any(one in kinds and other in kinds for kinds in _SAME)


def some(rng: Random, count: int) -> list[Fact]:
    """So many facts that are `apart`; now and then all of one sort, about different things."""
    sort = rng.choice(("pet", "kin", "favourite", "pet", "kin", "favourite", *_OF_KINDS)) if rng.random() < 0.3 else ""
    found: list[Fact] = []
    while len(found) < count:
        new = of_sort(rng, sort) if sort else fact(rng)
        if all(apart(new, each) for each in found):
            found.append(new)
    return found


def another(rng: Random, facts: list[Fact]) -> Fact:
    """One that has not been told: half of the time of the same sort, about something else."""
    while True:
        like = [each for each in facts if each.about]
        new = of_sort(rng, rng.choice(like).sort) if like and rng.random() < 0.5 else fact(rng)
        if all(apart(new, each) for each in facts):
            return new


_OF_KINDS = [sort for sort, told in _TOLD.items() if "kinds" in told or "makes" in told]
