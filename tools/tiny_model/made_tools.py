"""Tools that nobody has, put together from words: only what the request says of one helps. Several come together that
share a word, so that the words tell them apart: lock_door and unlock_door, get_price and get_size."""

from __future__ import annotations

import re
from random import Random
from typing import Any

from .families import Choice, Family, chosen
from .sentences import sentences
from .strings import invented, plural, with_fitting_articles, word
from .values import ascii_only

_TEXTS = sentences("made_tools")
_SAID: list[dict[str, Any]] = _TEXTS["params"]
_BOOLEAN = {"true": ["true", "true", "true", "on", "yes"], "false": ["false", "false", "false", "off", "no"]}
# Names of parameters that are no nouns: nothing is done with the to.
_LITTLE, _SPOKEN = {"at", "from", "on", "to", "until", "when", "where"}, re.compile(r"(with|with the|the|a) {name}")
_PREFIXES = ("un", "un", "de", "dis", "re")


def made_up(rng: Random) -> list[Choice]:
    """The tool that is meant, then perhaps others that share a word with it."""
    draw = rng.random()
    if draw < 0.3:
        getter = rng.choice(_TEXTS["getters"])
        things = rng.sample(_TEXTS["asked_for"], rng.choice((1, 2, 2, 3, 3, 4)))
        things = [thing if rng.random() < 0.85 else word(rng) for thing in things]
        key = _subject(rng)
        return [_getting(rng, getter, thing, key) for thing in dict.fromkeys(things)]
    thing = _thing(rng)
    params = _params(rng, thing)
    if draw < 0.6:
        pair = list(rng.choice(_TEXTS["opposites"]))
        if rng.random() < 0.3:
            verb = _verb(rng)
            pair = [verb, rng.choice(_PREFIXES) + verb]
        rng.shuffle(pair)
        return [_doing(rng, verb, thing, params if rng.random() < 0.8 else _params(rng, thing)) for verb in pair]
    if draw < 0.75:
        verbs = dict.fromkeys(_verb(rng) for _ in range(rng.choice((2, 2, 3))))
        return [_doing(rng, verb, thing, params if rng.random() < 0.7 else _params(rng, thing)) for verb in verbs]
    verb = _verb(rng)
    if draw < 0.87:
        things = list(dict.fromkeys((thing, *(_thing(rng) for _ in range(rng.choice((1, 1, 2)))))))
        return [_doing(rng, verb, each, _params(rng, each), verb_suffices=False) for each in things]
    return [_doing(rng, verb, thing, params)]


def _verb(rng: Random) -> str:
    if rng.random() >= 0.35:
        return str(rng.choice(_TEXTS["verbs"]))
    while len(made := invented(rng, rng.choice((1, 2)))) < 3:
        pass
    return made


def _thing(rng: Random) -> str:
    return str(rng.choice(_TEXTS["things"])) if rng.random() < 0.6 else word(rng)


def _subject(rng: Random, thing: str = "") -> dict[str, Any]:
    """The parameter for what something is done to, or asked of."""
    names = [thing.replace(" ", "_")] * 3 if thing else [word(rng), invented(rng, 2)]
    name = ascii_only(rng.choice([*names, *_TEXTS["subjects"]["names"]]))
    return {"names": [name], "value": rng.choice(_TEXTS["subjects"]["values"])}


def _params(rng: Random, thing: str) -> dict[str, dict[str, Any]]:
    """The parameters by their keys, ``a`` the subject. What is ``said`` of the others stands beside them."""
    found = {"a": _subject(rng, thing)} if rng.random() < 0.75 else {}
    count = rng.choice((0, 0, 1, 1, 1, 2)) if found else rng.choice((1, 1, 2))
    for key, sort in zip("bc", rng.sample(_SAID, count), strict=False):
        taken = {name for param in found.values() for name in param["names"]}
        names = [name for name in sort["names"] if name not in taken] or [invented(rng, 3)]
        name = rng.choice(names) if rng.random() < 0.85 else ascii_only(invented(rng, 2))
        said = [each for each in sort["said"] if name not in _LITTLE or not _SPOKEN.search(each)]
        param: dict[str, Any] = {"names": [name], "said": rng.choice(said)}
        if sort["value"] == "boolean":
            param["choices"] = _BOOLEAN
        elif sort["value"] == "choice":
            param["choices"] = {choice: [choice] for choice in _choices(rng, name)}
        else:
            param["value"] = rng.choice(("number", "rational")) if sort["value"] == "units" else sort["value"]
        found[key] = param
    return found


def _choices(rng: Random, name: str) -> list[str]:
    """What may be chosen for a parameter of that name: colours for a colour, anything for a kind."""
    firsts = _TEXTS["choices"]["fitting"].get(name)
    sets: list[list[str]] = [each for each in _TEXTS["choices"]["sets"] if not firsts or each[0] in firsts]
    return rng.choice(sets)


def _doing(rng: Random, verb: str, thing: str, params: dict[str, dict[str, Any]], verb_suffices: bool = True) -> Choice:
    """A tool that does something; ``verb_suffices``: no other one here has its verb."""
    frames = _TEXTS["done"] if "a" in params else _TEXTS["done_to_nothing"]
    if verb_suffices and "a" in params:
        frames = frames + _TEXTS["done_alone"]
    asked = [_asked(rng, rng.choice(frames), params) for _ in range(3)]
    return _made(rng, verb, thing, params, asked, _TEXTS["does"])


def _asked(rng: Random, frame: str, params: dict[str, dict[str, Any]]) -> str:
    """The frame with what is said of the parameters besides the subject, in any order."""
    others = [key for key in params if key != "a"]
    rng.shuffle(others)
    for key in others:
        param, hole = params[key], f"{{{key}}}"
        if param.get("choices", _BOOLEAN) is not _BOOLEAN and "a {thing}" in frame and rng.random() < 0.6:
            frame = frame.replace("a {thing}", f"a {hole} {{thing}}", 1)
        else:
            said = str(param["said"]).replace("{}", hole).replace("{name}", param["names"][0].replace("_", " "))
            frame += said
    return frame + rng.choice((".", ".", "", "", "!", "?" if frame.startswith(("Can", "could", "Would")) else ""))


def _getting(rng: Random, getter: str, thing: str, subject: dict[str, Any]) -> Choice:
    # There is a price, but there are errors, and how many of them.
    wrong = "a {thing}" if thing.endswith("s") else "How many"
    frames = [each for each in _TEXTS["got"] if wrong not in each]
    return _made(rng, getter, thing, {"a": subject}, rng.sample(frames, 3), _TEXTS["got_does"])


def _made(
    rng: Random, verb: str, thing: str, params: dict[str, dict[str, Any]], asked: list[str], does: list[str]
) -> Choice:
    called = _called(rng, verb, thing)
    said = {"verb": verb, "Verb": verb[0].upper() + verb[1:], "thing": thing, "called": called}
    said["Verbs"] = " ".join((plural(said["Verb"].split()[0]), *verb.split()[1:]))

    def put(frame: str) -> str:
        first, *rest = verb.split()
        frame = frame.replace("{thing}s", plural(thing)).replace("{verb} it", " ".join((first, "it", *rest)))
        for hole, text in said.items():
            frame = frame.replace(f"{{{hole}}}", text)
        return with_fitting_articles(frame)

    kept = {key: {name: value for name, value in param.items() if name != "said"} for key, param in params.items()}
    family = {
        "names": [called],
        "does": [put(rng.choice(does))],
        "params": kept,
        "asked": [put(each) for each in asked],
        "results": [ascii_only(thing)],
    }
    return chosen(rng, Family.of(family))


def _called(rng: Random, verb: str, thing: str) -> str:
    one, other = verb.split(), thing.split()
    draw = rng.random()
    if draw < 0.7:
        return ascii_only("_".join((*one, *other)))
    if draw < 0.88:
        return ascii_only("".join((*one[:1], *(part.capitalize() for part in (*one[1:], *other)))))
    return ascii_only("_".join((*other, *one)))
