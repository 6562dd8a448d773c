"""Schemas and patterns as wild as they come, of the kinds that a server takes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any


def random_schema(chance: random.Random, depth: int = 3) -> Any:
    """Any schema, as wild as they come."""
    kind = chance.choice(_LEAVES if depth <= 0 else _LEAVES + _INNER)
    return kind(chance, depth - 1)


def _integer(chance: random.Random, _depth: int) -> Any:
    bounds = [chance.choice([1, 10, 1000, 2**40]) * chance.randint(-99, 99) for _ in range(2)]
    schema: Any = {"type": "integer"}
    if chance.random() < 0.7:
        schema[chance.choice(["minimum", "exclusiveMinimum"])] = min(bounds)
    if chance.random() < 0.7:
        schema[chance.choice(["maximum", "exclusiveMaximum"])] = max(bounds) + chance.choice([0, 0.5])
    if chance.random() < 0.2:
        schema["multipleOf"] = chance.choice([1, 2, 3, 7, 10, 64, 250])
    return schema


def _number(chance: random.Random, _depth: int) -> Any:
    bounds = [round(chance.uniform(-1, 1) * chance.choice([1, 10, 10**6]), chance.randint(0, 6)) for _ in range(2)]
    schema: Any = {"type": "number"}
    if chance.random() < 0.6:
        schema[chance.choice(["minimum", "exclusiveMinimum"])] = min(bounds)
    if chance.random() < 0.6:
        schema[chance.choice(["maximum", "exclusiveMaximum"])] = max(bounds)
    return schema


def _string(chance: random.Random, _depth: int) -> Any:
    schema: Any = {"type": "string"}
    if chance.random() < 0.4:
        schema["minLength"] = chance.randint(0, 4)
    if chance.random() < 0.4:
        schema["maxLength"] = chance.randint(3, 12)
    if chance.random() < 0.5:
        schema["pattern"] = random_pattern(chance, 3)
    elif chance.random() < 0.2:
        schema["format"] = chance.choice(["date", "time", "ipv4", "uuid", "hostname", "email", "ipv6", "duration"])
    return schema


def random_pattern(chance: random.Random, depth: int) -> str:
    """Any pattern that a grammar can say."""
    body = "".join(_piece(chance, depth) for _ in range(chance.randint(1, 3)))
    return chance.choice(["", "^"]) + body + chance.choice(["", "$"])


def _piece(chance: random.Random, depth: int) -> str:
    signs = [
        "a",
        "é",
        r"\d",
        r"\w",
        ".",
        r"\.",
        "[a-f]",
        r"[^\d\"]",
        r"\n",
        "世",
        r"[\s\S]",
        r"\S",
        r"[\\/]",
        "-",
        r"\W",
    ]
    sign = chance.choice(signs)
    if depth and chance.random() < 0.3:
        sign = f"(?:{'|'.join(_piece(chance, depth - 1) for _ in range(chance.randint(1, 3)))})"
    return sign + chance.choice(["", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"])


def _enum(chance: random.Random, _depth: int) -> Any:
    return {"enum": chance.sample(["a", "ab", "b\n", "é", 1, -2, 1.5, None, True, [1, "x"], {"a": {"b": 1}}], 4)}


def _kinds(chance: random.Random, _depth: int) -> Any:
    return {"type": chance.sample(["string", "integer", "number", "boolean", "null", "array", "object"], 3)}


def _bool(chance: random.Random, _depth: int) -> Any:
    return chance.choice([True, True, True, False])


def _object(chance: random.Random, depth: int) -> Any:
    names = chance.sample(["a", "b", "c d", 'q"', "é", "f"], chance.randint(0, 5))
    schema: Any = {"type": "object", "properties": {name: random_schema(chance, depth) for name in names}}
    schema["required"] = [name for name in [*names, "extra"] if chance.random() < 0.4]
    if chance.random() < 0.5:
        schema["additionalProperties"] = random_schema(chance, depth) if chance.random() < 0.3 else False
    if chance.random() < 0.1:
        schema["patternProperties"] = {chance.choice(["^a", "[b-f]", "^e"]): random_schema(chance, depth)}
    return schema


def _array(chance: random.Random, depth: int) -> Any:
    schema: Any = {"type": "array"}
    if chance.random() < 0.3:
        schema["prefixItems"] = [random_schema(chance, depth) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.8:
        schema["items"] = random_schema(chance, depth)
    if chance.random() < 0.4:
        schema["minItems"] = chance.randint(0, 3)
    if chance.random() < 0.4:
        schema["maxItems"] = chance.randint(2, 5)
    return schema


def _union(chance: random.Random, depth: int) -> Any:
    return {chance.choice(["anyOf", "anyOf", "oneOf"]): [random_schema(chance, depth) for _ in range(3)]}


def _merged(chance: random.Random, depth: int) -> Any:
    kind = chance.choice([_integer, _string, _object, _array, _union])
    return {"allOf": [kind(chance, depth - 1) for _ in range(2)]}


def _beside(chance: random.Random, depth: int) -> Any:
    branches = [_object(chance, depth - 1) for _ in range(2)]
    return {**_object(chance, depth), chance.choice(["anyOf", "oneOf", "allOf"]): branches}


def _again(chance: random.Random, depth: int) -> Any:
    return {"type": "object", "properties": {"again": {"$ref": "#"}, "also": random_schema(chance, depth)}}


_Kind = Callable[[random.Random, int], Any]
_LEAVES: list[_Kind] = [_integer, _number, _string, _enum, _kinds, _bool]
_INNER: list[_Kind] = [_object, _object, _array, _union, _merged, _beside, _again]
