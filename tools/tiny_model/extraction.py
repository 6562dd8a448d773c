"""JSON of what a text says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from .dialogue import Dialogue, Message, assistant, user
from .noise import typed
from .sentences import sentences
from .strings import code, invented, name, number, plural, with_fitting_article, with_fitting_articles, word
from .values import listed, made

_TEXTS: dict[str, Any] = sentences("extraction")
_KEYS: dict[str, list[str]] = _TEXTS["keys"]
_KINDS: dict[str, list[str]] = _TEXTS["texts"]
# Kinds of texts from which nobody takes facts without having said which.
_ASKED_FOR = {"labelled", "truths"}
_HOLE = re.compile(r"{(\??)(\w+)(?::(\w+))?}([a-z]*)")
# Keys that nobody speaks of with an article.
_UNSPOKEN = re.compile(r"(^|_)(by|in|to|at|from|until|off|out|least|most|for|into|against)$|^(at|is|for|with|in|on)_")
# How keys may be written besides like_this: likeThis twice as often as LikeThis and Like_this.
_STYLES: tuple[Callable[[str], str], ...] = (
    *(lambda key: key[0] + key.title().replace("_", "")[1:],) * 2,
    lambda key: key.title().replace("_", ""),
    str.capitalize,
)
# Sorts of values that could be taken for each other, where two texts stand together.
_ALIKE = (
    {"whole_name", "fullname", "name", "author", "artist", "surname"},
    {"city", "land", "place", "address", "team", "title1", "restaurant"},
    {"date", "year4", "time", "clock"},
    {"word", "product", "item", "title", "film", "song", "task", "issue", "subject", "meeting", "colourword"},
)


@dataclass(slots=True)
class _Field:
    key: str
    value: Any
    # The sort of its value, "" where the text says it in other words.
    sort: str
    # Whether it is one only for who asks for it.
    hidden: bool

    @property
    def natural(self) -> str:
        return _KEYS[self.key][1]


def _facts(rng: Random, kinds: list[str]) -> tuple[str, list[_Field]]:
    """A text and what is in it, in the order of the text."""
    text, *marks = rng.choice(_KINDS[rng.choices(kinds, [len(_KINDS[kind]) ** 0.7 for kind in kinds])[0]]).split("|")
    facts, parts, at = list[_Field](), list[str](), 0
    small = rng.random() < 0.1
    for hole in _HOLE.finditer(text):
        hidden, key, sort, ending = hole[1], hole[2], hole[3], hole[4]
        sort = sort or _KEYS[key][0]
        for _ in range(3):
            value = made(rng, sort, _TEXTS["values"])
            if all(value != fact.value for fact in facts):
                break
        if isinstance(value, str) and value.isdigit() and sort != "fivedigits":
            # The number of an order that has no letters is a number, as others are.
            value = int(value)
        said = listed(rng, value) if isinstance(value, list) else _ended(value, ending)
        if key != "_":
            value = said if isinstance(value, str) else value
            facts.append(_Field(key, _lowered(value) if small else value, sort, bool(hidden)))
        parts += [with_fitting_article(text[at : hole.start()], said), said]
        at = hole.end()
    said = "".join([*parts, text[at:]])
    for mark in marks:
        key, _, value = mark.partition("=")
        facts.append(_Field(key, value == "true" if value in ("true", "false") else value, "", False))
    if small:
        return said.lower(), facts
    return said[0].upper() + said[1:] if text[0] != "{" and rng.random() < 0.5 else said, facts


def _ended(value: Any, ending: str) -> str:
    """A value with what follows it at once: boxes, the 3rd."""
    if ending == "th":
        return f"{value}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(value, ending) }"
    return plural(str(value)) if ending == "s" else f"{value}{ending}"


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
    found = {
        key: number(rng) if key in ("age", "number", "size") else rng.choice((word, name, code))(rng) for key in keys
    }
    found = {key: int(value) if str(value).isdigit() else value for key, value in found.items()}
    joint = rng.choice(_TEXTS["listed_joints"])
    texts = [f"{key}{joint}{value}" for key, value in found.items()]
    return rng.choice(_TEXTS["listed_leads"]) + rng.choice((", ", " and ", "; ")).join(texts), found


def as_json(rng: Random) -> Dialogue:
    """An object of what a text says, or of what is known. About half are bound by a schema: which keys there are, and
    in which order, is given. Of the rest, the user names the keys of two fifths."""
    draw, found = rng.random(), dict[str, Any]()
    if draw < 0.07:
        return _known(rng)
    if draw < 0.10:
        return _people(rng)
    if draw < 0.18:
        text, found = _listed_facts(rng)
        return _answered(rng, _instructed(rng, text, rng.random() < 0.8), found, rng.random() < 0.4)
    if draw < 0.38:
        text, facts = _facts(rng, [kind for kind in _KINDS if kind not in _ASKED_FOR])
        for fact in facts:
            if not fact.hidden:
                found[fact.key if fact.natural in found else fact.natural] = fact.value
        return _answered(rng, _instructed(rng, _among(rng, text), True), found, False)
    text, facts = _facts(rng, list(_KINDS))
    chosen = rng.sample(facts, rng.randint(1, len(facts)))
    # What an example has in place of the values.
    examples = dict[str, Any]()
    style = rng.choice(_STYLES) if rng.random() < 0.15 else str
    for fact in chosen:
        key = style(rng.choice(_names(rng, fact, facts, found) or [f"{fact.key}_{len(found)}"]))
        found[key], examples[key] = fact.value, _other(rng, fact)
    if rng.random() < 0.2 and style is str:
        text = _beside(rng, text, chosen, set(found))
    text = _among(rng, text)
    if draw < 0.67:
        return _answered(rng, _with_keys(rng, text, examples), found, rng.random() < 0.3)
    return _answered(rng, _instructed(rng, text, rng.random() < 0.5), found, True)


def _names(rng: Random, fact: _Field, facts: list[_Field], found: dict[str, Any]) -> list[str]:
    """What a fact may be called besides those that are ``found``, where it can be so that no other is meant."""
    others = {key for other in facts if other is not fact for key in (other.key, *_KEYS[other.key][1:])}
    keys = [key for key in dict.fromkeys([fact.key] if rng.random() < 0.4 else _KEYS[fact.key][1:]) if key not in found]
    return [key for key in keys if key not in others] or keys


def _answered(rng: Random, messages: list[Message], found: dict[str, Any], bound: bool) -> Dialogue:
    # A schema may want numbers as texts; then the first quote is given, too.
    quoted = bound and rng.random() < 0.06
    opening = {key: '"' if quoted and type(value) in (int, float) else "" for key, value in found.items()}
    found = {key: str(value) if opening[key] else value for key, value in found.items()}
    given = {
        f"{', ' if at else '{'}{json.dumps(key, ensure_ascii=False)}: {opening[key]}" for at, key in enumerate(found)
    }
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


def _beside(rng: Random, text: str, facts: list[_Field], keys: set[str]) -> str:
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
    if frame.partition("{}")[2].startswith(" "):
        text = text if text[-1] in ".!?," or rng.random() < 0.3 else text + "."
    return typed(rng, frame, text, polite=False)


def _instructed(rng: Random, text: str, said: bool) -> list[Message]:
    """The text with the wish for JSON, or with nothing where a schema tells."""
    if said and rng.random() < 0.2:
        system: Message = {"role": "system", "content": rng.choice(_TEXTS["systems"])}
        return [system, user(text if rng.random() < 0.8 else _framed(rng, rng.choice(_TEXTS["as_json"]), text))]
    return [user(_framed(rng, rng.choice(_TEXTS["as_json"]), text) if said else text)]


def _with_keys(rng: Random, text: str, examples: dict[str, Any]) -> list[Message]:
    """The text with the keys that are wanted: their names, the words for them, or an object with ``examples``."""
    draw, frames, keys = rng.random(), "keys", list(examples)
    if draw < 0.22 and not any(map(_UNSPOKEN.search, keys)):
        frames, keys = "words", _as_words(rng, keys)
    if draw < 0.42:
        said = " and ".join([", ".join(keys[:-1]), keys[-1]] if len(keys) > 1 else keys)
    elif draw < 0.54:
        said = ", ".join(keys)
    elif draw < 0.62:
        said = rng.choice((", ", " and ")).join(f'"{key}"' for key in keys)
    else:
        frames, said = "example", _example(rng, examples)
    if rng.random() < 0.2 and f"systems_with_{frames}" in _TEXTS:
        frame = rng.choice(_TEXTS[f"systems_with_{frames}"]).replace("{keys}", said)
        return [{"role": "system", "content": frame}, user(text)]
    before, after = rng.choice(_TEXTS[f"with_{frames}"]).split("{keys}")
    if said.startswith("the ") and before.endswith(" the "):
        before = before.removesuffix("the ")
    return [user(_framed(rng, f"{before}[]{after}", text).replace("[]", said, 1))]


def _as_words(rng: Random, keys: list[str]) -> list[str]:
    """Keys as they are spoken of: the product, the order number."""
    article = rng.choice(("the ", "the ", ""))
    first = rng.choice((article, "the ")) if len(keys) > 1 else "the "
    return [(first if not at else article) + key.replace("_", " ") for at, key in enumerate(keys)]


def _other(rng: Random, fact: _Field) -> Any:
    """Another value that the key might have."""
    if fact.sort:
        return made(rng, fact.sort, _TEXTS["values"])
    return rng.random() < 0.5 if isinstance(fact.value, bool) else word(rng)


def _example(rng: Random, values: dict[str, Any]) -> str:
    """An object with other values, or with what only stands for some."""
    texts = rng.choice(_TEXTS["placeholders"])
    pairs = []
    for key, value in values.items():
        kind = {str: "text", bool: "truth", list: "list"}.get(type(value), "number")
        said = texts.get(kind, "{value}").replace("{value}", json.dumps(value, ensure_ascii=False))
        pairs.append((key, said.replace("{key}", key)))
    draw = rng.random()
    if draw < 0.75:
        return "{" + ", ".join(f'"{key}": {said}' for key, said in pairs) + "}"
    if draw < 0.85:
        return "{" + ",".join(f'"{key}":{said}' for key, said in pairs) + "}"
    if draw < 0.93:
        return "{" + ", ".join(f"{key}: {said}" for key, said in pairs) + "}"
    return "{\n" + ",\n".join(f'  "{key}": {said}' for key, said in pairs) + "\n}"


def _people(rng: Random) -> Dialogue:
    """Several that are alike, as a list of objects."""
    second, sort, frame, joint = rng.choice(_TEXTS["people"])
    rows = [{"name": name(rng), second: made(rng, sort)} for _ in range(rng.choice((2, 2, 3)))]
    text = joint.join(with_fitting_articles(frame.format(*row.values())) for row in rows) + rng.choice(("", "."))
    key = rng.choice(("people", "people", "persons", "users", "items"))
    bound = key != "people" or rng.random() < 0.5
    given = {f'{{"{key}": ', '{"name": ', f', "{second}": '} if bound else ()
    answer = assistant(json.dumps({key: rows}, ensure_ascii=False))
    return Dialogue([*_instructed(rng, text, not bound or rng.random() < 0.6), answer], given=frozenset(given))


def _known(rng: Random) -> Dialogue:
    """An object of what is known without a text."""
    draw = rng.random()
    if draw < 0.45:
        fruit, colour = rng.choice(list(_TEXTS["fruits"])), rng.choice(("colour", "color"))
        asked = rng.choice(_TEXTS["known_of"]["fruit"]).replace("{colour}", colour)
        key = rng.choice(("name", "fruit"))
        message = assistant(json.dumps({key: fruit, colour: _TEXTS["fruits"][fruit]}))
        return Dialogue([user(typed(rng, asked)), message], given=frozenset((f'{{"{key}": "',)))
    if draw < 0.55:
        animal, sound = rng.choice(list(_TEXTS["sounds"].items()))
        asked = typed(rng, rng.choice(_TEXTS["known_of"]["animal"]))
        return _answered(rng, [user(asked)], {"animal": animal, "sound": sound}, True)
    known = rng.choice(_TEXTS["known"])
    return _answered(rng, [user(typed(rng, rng.choice(known["asked"])))], known["facts"], rng.random() < 0.4)
