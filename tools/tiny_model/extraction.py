"""JSON of what a text says."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from random import Random
from typing import Any

from .dialogue import Dialogue, Message, assistant, user
from .noise import typed
from .sentences import sentences
from .strings import code, invented, name, number, word
from .values import listed, made

_TEXTS: dict[str, Any] = sentences("extraction")
_KEYS: dict[str, list[str]] = _TEXTS["keys"]
_KINDS: dict[str, list[str]] = _TEXTS["texts"]
# Kinds of texts from which nobody takes facts without having said which.
_ASKED_FOR = {"labelled"}
_FRUITS = dict(
    zip(
        "lemon banana apple cherry plum lime orange strawberry".split(),
        "yellow yellow red red purple green orange red".split(),
        strict=True,
    )
)
_SOUNDS = {"dog": "woof", "cat": "meow", "cow": "moo", "sheep": "baa", "duck": "quack"}
_HOLE = re.compile(r"{(\??)(\w+)(?::(\w+))?}([a-z]*)")
# Sorts of values that could be taken for each other, where two texts stand together.
_ALIKE = (
    {"whole_name", "fullname", "name", "author", "artist", "surname"},
    {"city", "land", "place", "address", "team", "title1", "restaurant"},
    {"date", "year4", "time", "clock"},
    {"word", "product", "item", "title", "film", "song", "task", "issue", "subject", "meeting", "colourword"},
)


@dataclass(slots=True)
class _Fact:
    key: str
    value: Any
    # Whether it is one only for who asks for it.
    hidden: bool

    @property
    def natural(self) -> str:
        return _KEYS[self.key][1]


def _facts(rng: Random, kinds: list[str]) -> tuple[str, list[_Fact]]:
    """A text and what is in it, in the order of the text."""
    text, *marks = rng.choice(_KINDS[rng.choices(kinds, [len(_KINDS[kind]) ** 0.7 for kind in kinds])[0]]).split("|")
    facts, parts, at = [], [], 0
    small = rng.random() < 0.1
    for hole in _HOLE.finditer(text):
        hidden, key, sort, ending = hole[1], hole[2], hole[3], hole[4]
        value = made(rng, sort or _KEYS[key][0], _TEXTS["values"])
        said = listed(rng, value) if isinstance(value, list) else f"{value}{ending}"
        if key != "_":
            value = said if isinstance(value, str) else value
            facts.append(_Fact(key, _lowered(value) if small else value, bool(hidden)))
        parts += [text[at : hole.start()], said]
        at = hole.end()
    said = "".join([*parts, text[at:]])
    for mark in marks:
        key, _, value = mark.partition("=")
        facts.append(_Fact(key, value == "true" if value in ("true", "false") else value, False))
    if small:
        return said.lower(), facts
    return said[0].upper() + said[1:] if text[0] != "{" and rng.random() < 0.5 else said, facts


def _lowered(value: Any) -> Any:
    if isinstance(value, list):
        return [_lowered(each) for each in value]
    return value.lower() if isinstance(value, str) else value


def _listed_facts(rng: Random) -> tuple[str, dict[str, Any]]:
    """Keys with their values, as people list them."""
    keys = list(
        dict.fromkeys(
            rng.choice(("name", "age", "city", "number", "size", "id", "colour", word(rng), invented(rng, 2)))
            for _ in range(rng.choice((1, 2, 2, 3, 4)))
        )
    )
    values = [number(rng) if key in ("age", "number", "size") else rng.choice((word, name, code))(rng) for key in keys]
    joint = rng.choice((" ", " is ", ": ", " = ", "=", " - "))
    texts = [f"{key}{joint}{value}" for key, value in zip(keys, values, strict=True)]
    lead = rng.choice(("", "", "", "an object with ", "with ", "a person with ", "the fields ", "a record with "))
    return lead + rng.choice((", ", " and ", "; ")).join(texts), dict(zip(keys, values, strict=True))


def as_json(rng: Random) -> Dialogue:
    """An object of what a text says, or of what is known. Nearly half are bound by a schema: which keys there are, and
    in which order, is given. Of the rest, the user names the keys of half."""
    draw, found = rng.random(), dict[str, Any]()
    if draw < 0.09:
        return _known(rng)
    if draw < 0.13:
        return _people(rng)
    if draw < 0.23:
        text, found = _listed_facts(rng)
        return _answered(rng, _instructed(rng, text, rng.random() < 0.8), found, rng.random() < 0.4)
    if draw < 0.47:
        text, facts = _facts(rng, [kind for kind in _KINDS if kind not in _ASKED_FOR])
        for fact in facts:
            if not fact.hidden:
                found[fact.key if fact.natural in found else fact.natural] = fact.value
        return _answered(rng, _instructed(rng, _among(rng, text), True), found, False)
    text, facts = _facts(rng, list(_KINDS))
    chosen = rng.sample(facts, rng.randint(1, len(facts)))
    for fact in chosen:
        keys = [key for key in dict.fromkeys((_KEYS[fact.key][1:], [fact.key])[rng.random() < 0.4]) if key not in found]
        found[rng.choice(keys or [f"{fact.key}_{len(found)}"])] = fact.value
    if rng.random() < 0.2:
        text = _beside(rng, text, chosen, set(found))
    text = _among(rng, text)
    if draw < 0.72:
        return _answered(rng, _with_keys(rng, text, list(found)), found, rng.random() < 0.3)
    return _answered(rng, _instructed(rng, text, rng.random() < 0.5), found, True)


def _answered(rng: Random, messages: list[Message], found: dict[str, Any], bound: bool) -> Dialogue:
    given = {f"{', ' if at else '{'}{json.dumps(key, ensure_ascii=False)}: " for at, key in enumerate(found)}
    answer = assistant(json.dumps(found, ensure_ascii=False))
    return Dialogue([*messages, answer], given=frozenset(given if bound else ()))


def _among(rng: Random, text: str) -> str:
    """The text, perhaps among sentences that say nothing."""
    if rng.random() < 0.7:
        return text
    text = text if text[-1] in ".!?" else text + "."
    before, after = rng.choice(((1, 0), (0, 1), (0, 1), (1, 1), (2, 0), (0, 2)))
    others = rng.sample(_TEXTS["distractors"], before + after)
    return " ".join([*others[:before], text, *others[before:]])


def _beside(rng: Random, text: str, facts: list[_Fact], keys: set[str]) -> str:
    """The text with another one that has facts of other sorts, where one is found soon."""
    sorts = {_KEYS[fact.key][0].lstrip("*") for fact in facts}
    for _ in range(4):
        other, others = _facts(rng, [kind for kind in _KINDS if kind not in _ASKED_FOR])
        found = {_KEYS[fact.key][0].lstrip("*") for fact in others}
        alike = any(group & sorts and group & found for group in _ALIKE) or sorts & found
        if not alike and not keys & {key for fact in others for key in (*_KEYS[fact.key][1:], fact.key)}:
            both = [part if part[-1] in ".!?" else part + "." for part in (text, other)]
            rng.shuffle(both)
            return " ".join(both)
    return text


def _framed(rng: Random, frame: str, text: str) -> str:
    if not frame.endswith("{}") and frame[frame.index("{}") + 2 : frame.index("{}") + 3] == " ":
        text = text if text[-1] in ".!?," or rng.random() < 0.3 else text + "."
    return typed(rng, frame, text, polite=False)


def _instructed(rng: Random, text: str, said: bool) -> list[Message]:
    """The text with the wish for JSON, or with nothing where a schema tells."""
    if said and rng.random() < 0.2:
        system: Message = {"role": "system", "content": rng.choice(_TEXTS["systems"])}
        return [system, user(text if rng.random() < 0.8 else _framed(rng, rng.choice(_TEXTS["as_json"]), text))]
    return [user(_framed(rng, rng.choice(_TEXTS["as_json"]), text) if said else text)]


def _with_keys(rng: Random, text: str, keys: list[str]) -> list[Message]:
    """The text with the keys that are wanted."""
    draw = rng.random()
    if draw < 0.55:
        said = " and ".join([", ".join(keys[:-1]), keys[-1]] if len(keys) > 1 else keys)
    elif draw < 0.75:
        said = ", ".join(keys)
    elif draw < 0.9:
        said = rng.choice((", ", " and ")).join(f'"{key}"' for key in keys)
    else:
        said = "{" + ", ".join(f'"{key}": ...' for key in keys) + "}"
    if rng.random() < 0.25:
        frame = rng.choice(_TEXTS["systems_with_keys"]).replace("{keys}", said)
        return [{"role": "system", "content": frame}, user(text)]
    before, after = rng.choice(_TEXTS["with_keys"]).split("{keys}")
    return [user(_framed(rng, f"{before}[]{after}", text).replace("[]", said, 1))]


def _people(rng: Random) -> Dialogue:
    """Several that are alike, as a list of objects."""
    second, sort, frame, joint = rng.choice(
        (
            ("age", "degrees", "{} is {}", " and "),
            ("age", "degrees", "{} ({})", ", "),
            ("city", "city", "{} lives in {}", " and "),
            ("city", "city", "{} from {}", ", "),
            ("job", "jobword", "{} is a {}", ", "),
            ("age", "degrees", "{}, {}", "; "),
        )
    )
    rows = [{"name": name(rng), second: made(rng, sort)} for _ in range(rng.choice((2, 2, 3)))]
    text = joint.join(frame.format(*row.values()) for row in rows) + rng.choice(("", "."))
    key = rng.choice(("people", "people", "persons", "users", "items"))
    bound = key != "people" or rng.random() < 0.5
    given = {f'{{"{key}": ', '{"name": ', f', "{second}": '} if bound else ()
    answer = assistant(json.dumps({key: rows}, ensure_ascii=False))
    return Dialogue([*_instructed(rng, text, not bound or rng.random() < 0.6), answer], given=frozenset(given))


def _known(rng: Random) -> Dialogue:
    """An object of what is known without a text."""
    draw = rng.random()
    if draw < 0.45:
        fruit, colour = rng.choice(list(_FRUITS)), rng.choice(("colour", "color"))
        asked = rng.choice(
            (
                f"Name a fruit and its {colour}.",
                f"A fruit and its {colour} please",
                f"Give me a fruit and its {colour} as JSON.",
                f"Any fruit with its {colour}",
                f"Which {colour} has which fruit? One example.",
                f"Tell me one fruit and what {colour} it has.",
                f"Pick a fruit and tell me its {colour}",
                f"fruit and {colour}",
                f"I want a fruit with a {colour}",
            )
        )
        key = rng.choice(("name", "fruit"))
        message = assistant(json.dumps({key: fruit, colour: _FRUITS[fruit]}))
        return Dialogue([user(typed(rng, asked)), message], given=frozenset((f'{{"{key}": "',)))
    if draw < 0.55:
        animal = rng.choice(list(_SOUNDS))
        asked = rng.choice(
            ("Name an animal and its sound.", "an animal and its sound as JSON", "Give me an animal and what it says.")
        )
        return _answered(rng, [user(typed(rng, asked))], {"animal": animal, "sound": _SOUNDS[animal]}, True)
    known = rng.choice(_TEXTS["known"])
    return _answered(rng, [user(typed(rng, rng.choice(known["asked"])))], known["facts"], rng.random() < 0.4)
