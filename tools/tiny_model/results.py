"""What tools return, and how it is said."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from .families import Family
from .sentences import sentences
from .strings import number, word
from .values import filled, made

TOLD = "Here is what the tool says: "
_TEXTS: dict[str, list[str]] = sentences("tools")["results"]


def _returned(rng: Random, key: str) -> Any:
    """A value that a tool may return for a key."""
    draw = rng.random()
    if draw < 0.75 and key in _TEXTS:
        return filled(rng, rng.choice(_TEXTS[key]), _TEXTS)
    if draw < 0.82:
        return rng.choice((True, False, None, number(rng), -number(rng, 2)))
    return made(rng, rng.choice(("word", "fullname", "place", "number", "clock", "sku", "decimal", "number", "phrase")))


def _object(rng: Random, family: Family, most: int) -> dict[str, Any]:
    keys = [rng.choice((*family.results, *family.results, "name", "value", word(rng))) for _ in range(most)]
    return {key: _returned(rng, key) for key in keys}


def result(rng: Random, family: Family) -> str:
    """What a tool may return: an object, also a nested one, a list, a text, a number, an error."""
    draw = rng.random()
    if draw < 0.45:
        return _written(rng, _object(rng, family, rng.choice((1, 1, 2, 2, 3, 3, 4, 5))))
    if draw < 0.56:
        inner = _object(rng, family, rng.choice((1, 2, 2, 3)))
        before = _object(rng, family, rng.choice((0, 0, 1, 1)))
        return _written(rng, {**before, filled(rng, rng.choice(_TEXTS["wrapped"])): inner})
    if draw < 0.64:
        shape = list(_object(rng, family, rng.choice((1, 2, 2))))
        rows = [{key: _returned(rng, key) for key in shape} for _ in range(rng.choice((1, 2, 2, 3)))]
        return _written(rng, rows if rng.random() < 0.5 else {filled(rng, rng.choice(_TEXTS["many"])): rows})
    if draw < 0.71:
        some = [_returned(rng, rng.choice((*family.results, word(rng)))) for _ in range(rng.choice((0, 1, 2, 2, 3, 4)))]
        before = _object(rng, family, rng.choice((0, 1)))
        return _written(rng, some if rng.random() < 0.4 else {**before, filled(rng, rng.choice(_TEXTS["tags"])): some})
    if draw < 0.77:
        value = _returned(rng, rng.choice((*family.results, "value", "text")))
        return value if isinstance(value, str) else _written(rng, value)
    if draw < 0.82:
        return rng.choice(_TEXTS["done"])
    if draw < 0.9:
        error = filled(rng, rng.choice(_TEXTS["error"]))
        if rng.random() < 0.4:
            return str(filled(rng, rng.choice(_TEXTS["errors"]), _TEXTS))
        return _written(
            rng,
            rng.choice(
                (
                    {"error": error},
                    {"error": {"code": number(rng, 3), "message": error}},
                    {"success": False, "message": error},
                    {"status": "error", "error": error},
                    {"ok": False, "error": error},
                )
            ),
        )
    return str(filled(rng, rng.choice(_TEXTS["text"]), _TEXTS))


def _written(rng: Random, value: Any) -> str:
    draw = rng.random()
    if draw < 0.1:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=False, indent=2 if draw < 0.15 else None)


def spoken(result: str) -> str:
    """A tool's result in words: ``{"temp": 3, "sky": {"now": "grey"}}`` as "temp: 3, sky (now: grey)."."""
    if result[0] in "{[":
        result = _flat(json.loads(result))
    return result if result[-1] in ".!?" else result + "."


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{key} ({_flat(each)})" if _inner(each) else f"{key}: {_flat(each)}" for key, each in value.items()
        )
    if isinstance(value, list):
        return ("; " if _inner(value) else " and ").join(_flat(each) for each in value) or "none"
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inner(value: Any) -> bool:
    """Whether there are keys in it."""
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))
