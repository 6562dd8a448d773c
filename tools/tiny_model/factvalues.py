"""Values of what users tell about themselves."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .people import person, surname
from .sentences import sentences
from .strings import (
    ADJECTIVES,
    COLOURS,
    JOBS,
    NOUNS,
    VERBS,
    WORDS,
    city,
    clock,
    code,
    invented,
    known,
    name,
    number,
    plural,
    word,
)
from .values import title

_TEXTS = sentences("memory")
_MONEY = ("euros", "dollars", "pounds", "EUR", "USD")


def ordinary(rng: Random) -> str:
    """Two to four words of plain English: lazy river, seven green bottles."""
    draw = rng.random()
    if draw < 0.12:
        return str(rng.choice(_TEXTS["phrases"]))
    how = rng.choice((_TEXTS["hows"], _TEXTS["hows"], ADJECTIVES, COLOURS))
    one = rng.choice(rng.choice((_TEXTS["whats"], _TEXTS["whats"], NOUNS, WORDS["animals"])))
    other = rng.choice(rng.choice((_TEXTS["whats"], NOUNS, WORDS["fruits"])))
    made = rng.choice(
        (
            f"{rng.choice(how)} {one}",
            f"{rng.choice(how)} {one}",
            f"{rng.choice(how)} {one}",
            f"{one} {other}",
            f"{one} {other}",
            f"{one} and {other}",
            f"{rng.choice(how)} {rng.choice(_TEXTS['hows'])} {one}",
            f"{rng.choice(_TEXTS['counts'])} {rng.choice(how)} {plural(one)}",
            f"{rng.choice(how)} {one} {rng.choice(VERBS)}",
            f"the {rng.choice(how)} {one}",
            f"{one} {rng.choice(('in the', 'of the', 'on my', 'with a', 'under the', 'without', 'near the'))} {other}",
        )
    )
    return rng.choice((made, made, made, made, made.title(), made.capitalize(), made.upper(), made + rng.choice(".!")))


def _job(rng: Random) -> str:
    return rng.choice(JOBS) if rng.random() < 0.7 else invented(rng)


def _date(rng: Random) -> str:
    day, month = rng.randint(1, 28), rng.choice(WORDS["months"])
    return rng.choice((f"{month} {day}", f"{day} {month}", f"the {_th(day)} of {month}"))


def _th(day: int) -> str:
    return f"{day}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th') if day not in (11, 12, 13) else 'th' }"


def _when(rng: Random) -> str:
    return rng.choice(
        (
            f"on {rng.choice(WORDS['weekdays'])}",
            f"on {_date(rng)}",
            f"at {clock(rng)}",
            f"on {rng.choice(WORDS['weekdays'])} at {clock(rng)}",
            f"in {rng.choice(WORDS['months'])}",
            f"in {number(rng, 1) + 2} {rng.choice(('days', 'weeks', 'hours'))}",
            f"next {rng.choice(WORDS['weekdays'])}",
        )
    )


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
    "email": lambda rng: f"{invented(rng, 2)}@{invented(rng, 2)}.{rng.choice(('com', 'org', 'net', 'example', 'de'))}",
    "flight": lambda rng: f"{rng.choice('ABDEFKLMQSU')}{rng.choice('AFHKLRXZ')}{number(rng, rng.choice((2, 3, 4)))}",
    "food": lambda rng: known(rng, "foods"),
    "height": lambda rng: str(rng.randint(140, 210)),
    "job": _job,
    "login": lambda rng: invented(rng, 2) + rng.choice(("", "", str(number(rng)))),
    "name": name,
    "number": lambda rng: str(number(rng)),
    "pet age": lambda rng: str(rng.randint(2, 25)),
    "person": person,
    "phone": _phone,
    "plate": lambda rng: f"{code(rng)}{rng.choice(('', ' '))}{invented(rng, 1).upper()[:2]}",
    "phrase": lambda rng: ordinary(rng).rstrip(".!"),
    "pin": lambda rng: str(number(rng, 4)),
    "place": lambda rng: rng.choice(WORDS["places"]) if rng.random() < 0.5 else f"the {word(rng)}",
    "parking": lambda rng: rng.choice(WORDS["parking"]) if rng.random() < 0.5 else f"the {word(rng)}",
    "room": lambda rng: str(number(rng, 3)) if rng.random() < 0.8 else f"{rng.choice('ABCDE')}{number(rng, 2)}",
    "school": lambda rng: _named(rng, "School", "School", "College", "High School", "Academy", "Primary School"),
    "seat": lambda rng: f"{rng.randint(1, 60)}{rng.choice('ABCDEF')}",
    "secret": _secret,
    "shoe": lambda rng: str(rng.randint(20, 49)),
    "small": lambda rng: rng.choice(("two", "three", "four", "five", "six", "seven", "2", "3", "4", "5", "6")),
    "surname": surname,
    "street": lambda rng: _named(rng, "Street", "Street", "Road", "Avenue", "Lane", "Square"),
    "team": lambda rng: (
        f"{rng.choice(('FC ', 'the ', '', ''))}{_named(rng, '', 'Tigers', 'United', 'Rovers', 'Bears')}"
    ),
    "title": title,
    "project": lambda rng: invented(rng).capitalize() if rng.random() < 0.6 else word(rng),
    "word": word,
    "times": _when,
    "amounts": lambda rng: f"{number(rng, rng.choice((2, 3, 4)))} {rng.choice(_MONEY)}",
    "hotels": lambda rng: _named(rng, "Hotel", "Inn", "Palace", "Lodge", "Plaza", "Resort"),
    "toplans": lambda rng: f"to {rng.choice(_TEXTS['values']['plans'])}",
    "universities": lambda rng: f"{city(rng)} University" if rng.random() < 0.5 else f"the University of {city(rng)}",
    "weights": lambda rng: f"{rng.randint(45, 120)} {rng.choice(('kg', 'kilos'))}",
    "year": lambda rng: str(rng.randint(1940, 2029)),
}
# The lists of words that have another name than what is made of them.
_LISTS = {
    "allergy": "allergies",
    "car": "cars",
    "colour": "colours",
    "country": "countries",
    "hobby": "hobbies",
    "instrument": "instruments",
    "language": "languages",
    "month": "months",
    "subject": "subjects",
    "weekday": "weekdays",
}


def value_of(rng: Random, make: str) -> str:
    """A value that is made in such a way, of the lists of the file, or of those of words."""
    if make in _TEXTS["values"]:
        return str(rng.choice(_TEXTS["values"][make]))
    return _MAKES[make](rng) if make in _MAKES else known(rng, _LISTS.get(make, make))
