"""JSON of what a text says."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from .dialogue import Dialogue, assistant, user
from .families import title
from .noise import typed
from .strings import COLOURS, JOBS, city, code, invented, name, number, word

_AS_JSON = [
    "Give me JSON: {}",
    "{} Give me JSON.",
    "As JSON: {}",
    "{} As JSON please.",
    "Answer in JSON: {}",
    "Extract the data: {}",
    "Turn this into JSON: {}",
    "{} Reply in JSON.",
    "JSON for this: {}",
    "Make a JSON object: {}",
    "Extract as JSON: {}",
    "Parse this: {}",
    "{} Return JSON.",
    "What does this say? {}",
    "Fill in the form: {}",
    "Make JSON of this text: {}",
]
_FRUITS = dict(
    zip(
        "lemon banana apple cherry plum lime orange strawberry".split(),
        "yellow yellow red red purple green orange red".split(),
        strict=True,
    )
)


def _facts(rng: Random) -> tuple[str, list[tuple[str, Any]]]:
    """A text and what is in it, in the order of the text."""
    who, age, where, work = (
        name(rng),
        number(rng, 2),
        city(rng),
        rng.choice(JOBS) if rng.random() < 0.6 else invented(rng),
    )
    thing, count, colour = word(rng), number(rng), rng.choice(COLOURS) if rng.random() < 0.6 else invented(rng)
    called = title(rng)
    n, a, c, j = ("name", who), ("age", age), ("city", where), ("job", work)
    q, i, t, p, k = ("quantity", count), ("item", thing), ("title", called), ("price", count), ("colour", colour)
    if rng.random() < 0.25:
        keys = list(
            dict.fromkeys(
                rng.choice(("name", "age", "city", "number", "size", "id", "colour", word(rng), invented(rng, 2)))
                for _ in range(rng.choice((2, 2, 3)))
            )
        )
        values = [
            number(rng) if key in ("age", "number", "size") else rng.choice((word, name, code))(rng) for key in keys
        ]
        joint = rng.choice((" ", " is ", ": ", " = "))
        listed = [f"{key}{joint}{value}" for key, value in zip(keys, values, strict=True)]
        lead = rng.choice(("", "", "an object with ", "with ", "a person with "))
        return lead + rng.choice((", ", " and ", "; ")).join(listed), list(zip(keys, values, strict=True))
    sort = rng.choice(
        (
            (f"{who} is {age} years old.", n, a),
            (f"{who}, {age}", n, a),
            (f"My name is {who} and I am {age}.", n, a),
            (f"{who} ({age})", n, a),
            (f"a person named {who}, age {age}", n, a),
            (f"I am {who}, {age} years old.", n, a),
            (f"{who} lives in {where}.", n, c),
            (f"{who} from {where}", n, c),
            (f"{who} moved to {where} last year.", n, c),
            (f"{who}, age {age}, from {where}.", n, a, c),
            (f"{who} is {age} and lives in {where}.", n, a, c),
            (f"{who} works as a {work}.", n, j),
            (f"{who} is a {work} in {where}.", n, j, c),
            (f"{who}, {age}, {work}", n, a, j),
            (f"{who} works as a {work} in {where}.", n, j, c),
            (f"{who} is {age} years old and a {work}.", n, a, j),
            (f"The book '{called}' costs {count} dollars.", t, p),
            (f"{called} costs {count} euros.", t, p),
            (f"I need {count} {thing}s.", q, ("item", f"{thing}s")),
            (f"Order {code(rng)}: {count} {thing}s", q, ("item", f"{thing}s")),
            (f"{count} {thing}s please", q, ("item", f"{thing}s")),
            (f"{thing}, {count} pieces", i, q),
            (f"The {thing} is {colour}.", i, k),
            (f"a {colour} {thing}", k, i),
            (f"colour {colour} and number {count}", k, ("number", count)),
            (f"We met in {where} last summer.", c),
            (f"I was in {where} in {number(rng, 4)}.", c),
            (f"Yesterday {who} called.", n),
            (f"I saw {who} at the {thing}.", n),
            (f"{who} likes {thing}.", n, ("likes", thing)),
            (f"{who} and {name(rng)} are in {where}.", c),
            (f"The {thing} costs {count} dollars.", i, p),
        )
    )
    return str(sort[0]), [fact for fact in sort[1:] if isinstance(fact, tuple)]


_OTHER_KEYS = {
    "name": ("name", "person", "who", "first_name"),
    "city": ("city", "place", "town", "location"),
    "colour": ("colour", "color"),
    "job": ("job", "profession", "work"),
    "quantity": ("quantity", "count", "amount", "number"),
    "item": ("item", "product", "thing"),
    "price": ("price", "cost"),
    "title": ("title", "book"),
    "age": ("age", "years"),
}


def as_json(rng: Random) -> Dialogue:
    """An object of what a text says. Half are bound by a schema: which keys there are, and in which order, is given."""
    if rng.random() < 0.05:
        fruit = rng.choice(list(_FRUITS))
        key, colour = rng.choice(("name", "fruit")), rng.choice(("colour", "color"))
        asked = rng.choice(
            (
                f"Name a fruit and its {colour}.",
                f"A fruit and its {colour} please",
                f"Give me a fruit and its {colour} as JSON.",
            )
        )
        return Dialogue(
            [user(typed(rng, asked)), assistant(json.dumps({key: fruit, colour: _FRUITS[fruit]}))],
            given=frozenset((f'{{"{key}": "',)),
        )
    text, facts = _facts(rng)
    if rng.random() < 0.5:
        said = rng.choice(_AS_JSON).format(text)
        return Dialogue([user(said), assistant(json.dumps(dict(facts), ensure_ascii=False))])
    facts = [(rng.choice(_OTHER_KEYS.get(key, (key,))) if rng.random() < 0.4 else key, value) for key, value in facts]
    facts = rng.sample(facts, rng.randint(1, len(facts)))
    given = {f'{", " if at else "{"}"{key}": ' for at, (key, _) in enumerate(facts)}
    said = rng.choice(_AS_JSON).format(text) if rng.random() < 0.5 else text
    return Dialogue([user(said), assistant(json.dumps(dict(facts), ensure_ascii=False))], given=frozenset(given))
