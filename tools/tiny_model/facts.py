"""What a user tells about themselves, and how it is asked for later."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from .factvalues import value_of
from .noise import typed
from .people import person
from .sentences import sentences
from .strings import WORDS, with_article

NAME_UNKNOWN = "You have not told me your name yet."
UNKNOWN = "You have not told me that yet."

_TEXTS = sentences("memory")
_TOLD: dict[str, dict[str, Any]] = {told["sort"]: told for told in _TEXTS["told"]}
_SAME = [set(kinds) for kinds in _TEXTS["same"]]
NAME = "name"
# What people ask for most, and in which words of a question there is no doubt what it asks for.
_COMMON = ("age", "city", "job", "pet", "kin", "birthday", "favourite", "hobby", "company", "children")
_CLEAR = {
    "pet": r"name|called",
    "kin": r"name|called",
    "age of kin": r"old|age",
    "age of pet": r"old|age",
    "hobby of kin": r"hobby",
    "city of kin": r"where|city",
    "job of kin": r"job|living|work|profession",
}


def led(rng: Random, frame: str, sort: str = "before") -> str:
    """The frame after something that is said before it: Haha. So where do I live?"""
    before = str(rng.choice(_TEXTS[sort]))
    if sort == "before" and before[-1] in ".!" and rng.random() < 0.25:
        before += f" {rng.choice(('So', 'So', 'So,', 'And', 'And', 'Now,', 'But', 'Also,', 'Then', 'Ok,', 'Tell me,'))}"
    frame = re.sub(r"^and ", "", frame, flags=re.I)
    whole = before[-1] in ".!?" or re.match(r"I\b", frame)
    return f"{before} {frame if whole else frame[0].lower() + frame[1:]}"


def asked_for(rng: Random, frame: str) -> str:
    """A question as somebody types it, now and then with a little something before or after it."""
    draw = rng.random()
    if draw < 0.24:
        frame = led(rng, frame)
    elif draw < 0.32:
        frame = f"{frame}{'' if frame[-1] in '?.!' else rng.choice('?..')} {rng.choice(_TEXTS['after'])}"
    return typed(rng, frame, polite=False)


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
        frame = self.frame
        if rng.random() < 0.14 and frame.startswith(("I ", "I'm ", "My ", "Our ", "We ", "The ")):
            frame = led(rng, frame, "opening")
        elif rng.random() < 0.08 and frame.endswith(("{}", "{}.")):
            frame = f"{frame.rstrip('.')}. {rng.choice(_TEXTS['closing'])}"
        return typed(rng, frame, self.value, polite=False)

    def question(self, rng: Random, *, alone: bool = False) -> str:
        """A question that this fact answers; ``alone``: also those that another fact might answer."""
        frames = self.alone if alone and self.alone and rng.random() < 0.25 else self.asked
        return asked_for(rng, rng.choice(frames))

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
        irregular = {"are": "is", "were": "was", "have": "has", "go": "goes", "had": "had", "bought": "bought"}
        third = irregular.get(verb, verb if verb[-2:] == "ed" else verb + "s")
        return f"The user {third} {rest}"


def meet(who: str) -> str:
    """What is answered to a name."""
    return f"Nice to meet you, {who}! How can I help you?"


def noted(*facts: str) -> str:
    """What is answered to other facts, each as `Fact.noted` has it."""
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
    if draw < 0.7:
        return of_sort(rng, rng.choice(_COMMON))
    return of_sort(rng, rng.choice(list(_TOLD)))


def named(rng: Random) -> Fact:
    """The fact of the user's name."""
    who = person(rng)
    who = who.lower() if rng.random() < 0.1 else who
    frame = rng.choice(_TEXTS["called"])
    return Fact(NAME, "", who, frame, f"your name is {who}", f"Your name is {who}.", tuple(_TEXTS["who"]))


def of_sort(rng: Random, sort: str, about: str = "") -> Fact:
    """A fact of a sort of the file, of a certain kind where it has kinds."""
    told = _TOLD[sort]
    kinds = told.get("makes") or (WORDS[told["kinds"]] if "kinds" in told else [""])
    about = about or rng.choice(list(kinds))
    value = value_of(rng, told["makes"][about] if "makes" in told else told["value"])
    british = rng.random() < 0.5 or about == "colour"
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
    if one.about and other.about and _alike(one.about, other.about):
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
    """One that has not been told: often of the same sort, about something else, or of another sort with such a value,
    or of the same person or pet."""
    told = [(each, _TOLD[each.sort]) for each in facts if each.sort != NAME]
    while True:
        draw = rng.random()
        if draw < 0.15:
            new = fact(rng)
        elif draw < 0.45 and told:
            new = of_sort(rng, rng.choice(told)[0].sort)
        elif draw < 0.65 and facts:
            values = {"person", *(_TOLD[each.sort].get("value", "") for each in facts if each.sort != NAME)}
            new = of_sort(rng, rng.choice([sort for sort, each in _TOLD.items() if each.get("value") in values]))
        elif draw < 0.75 and any(each.about for each in facts):
            new = _of_the_same(rng, rng.choice([each for each in facts if each.about]))
        elif draw < 0.88:
            new = named(rng) if rng.choice((True, False)) else of_sort(rng, rng.choice(_COMMON))
        else:
            new = of_sort(rng, rng.choice(list(_TOLD)))
        if all(_untold(new, each) for each in facts):
            return new


def _of_the_same(rng: Random, told: Fact) -> Fact:
    """Something else of the same person, pet or thing, asked for in no words that could mean what was told."""
    kinds = _TOLD[told.sort].get("kinds")
    alike = [sort for sort, each in _TOLD.items() if kinds and each.get("kinds") == kinds and sort != told.sort]
    if not alike:
        return fact(rng)
    new = of_sort(rng, rng.choice(alike), told.about)
    clear = tuple(asked for asked in new.asked if re.search(_CLEAR.get(new.sort, ""), asked, re.I))
    return replace(new, asked=clear, alone=())


def _untold(new: Fact, told: Fact) -> bool:
    """Whether what was told is no answer to what is asked."""
    same = bool(new.about) and new.about == told.about and new.sort != told.sort and new.value != told.value
    return apart(new, told) or (same and not {new.sort, told.sort} & {"favourite", "colour"} and _clear(new))


def _clear(new: Fact) -> bool:
    return new.sort in _CLEAR and all(re.search(_CLEAR[new.sort], asked, re.I) for asked in new.asked)


_OF_KINDS = [sort for sort, told in _TOLD.items() if "kinds" in told or "makes" in told]
