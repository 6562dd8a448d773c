"""What a grammar in GBNF lets a model say obeys its schema, and what a model would ordinarily say is in the grammar."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import jsonschema_rs
import pytest

from app.engines.constraints.gbnf.grammar import grammar_of
from app.engines.constraints.gbnf.rules import LONGEST
from app.engines.constraints.schema import Schema, read
from app.errors import BadRequest

from .gbnf_reader import GbnfReader
from .gbnf_schemas import TABLE, UNSAYABLE
from .random_schemas import random_schema


def _grammar(schema: Any) -> GbnfReader:
    grammar = grammar_of(Schema(schema, "s").body)
    assert grammar is not None
    return GbnfReader(grammar)


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _assert_sound(schema: Any, grammar: GbnfReader, seed: object, count: int) -> None:
    accepted = Schema(schema, "s")
    strict = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    chance = random.Random(str(seed))
    for _ in range(count):
        text = grammar.draw(chance)
        assert accepted.fits(text), text
        assert strict.is_valid(read(text)), text


@pytest.mark.long
@pytest.mark.parametrize("index", range(len(TABLE)), ids=lambda index: f"{index}-{json.dumps(TABLE[index][0])[:60]}")
def test_a_schema_of_the_table_is_said_soundly_and_widely(index: int) -> None:
    schema, values = TABLE[index]
    grammar = _grammar(schema)
    _assert_sound(schema, grammar, index, 40)
    for value in values:
        assert Schema(schema, "s").fits(_written(value))
        assert grammar.accepts(_written(value)), value


@pytest.mark.parametrize("seed", range(24))
def test_random_schemas_are_said_soundly_or_not_at_all(seed: int) -> None:
    chance = random.Random(seed)
    for number in range(15):
        schema = random_schema(chance)
        if isinstance(schema, bool):
            continue
        try:
            body = Schema(schema, "s").body
        except BadRequest:
            continue
        grammar = grammar_of(body)
        if grammar is not None:
            _assert_sound(schema, GbnfReader(grammar), number, 10)


@pytest.mark.long
def test_most_random_schemas_are_said() -> None:
    chance = random.Random(1)
    schemas = [schema for _ in range(150) if isinstance(schema := random_schema(chance), dict)]
    said = [schema for schema in schemas if grammar_of(schema) is not None]
    assert len(said) > 0.6 * len(schemas)


@pytest.mark.parametrize("schema", UNSAYABLE, ids=lambda schema: json.dumps(schema)[:60])
def test_what_cannot_be_said_has_no_grammar(schema: Any) -> None:
    assert grammar_of(Schema(schema, "s").body) is None


def test_references_lead_to_the_nearest_root_around_them() -> None:
    arguments = {
        "$id": "f",
        "type": "object",
        "properties": {"unit": {"$ref": "#/$defs/unit"}, "more": {"$ref": "#"}},
        "required": ["unit"],
        "$defs": {"unit": {"enum": ["km", "mi"]}},
    }
    other = {**arguments, "$id": "g", "$defs": {"unit": {"type": "integer"}}}
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": name}, "arguments": schema},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for name, schema in (("f", arguments), ("g", other))
    ]
    grammar = grammar_of({"type": "array", "items": {"anyOf": calls}, "minItems": 1, "maxItems": 16})
    assert grammar is not None
    reader = GbnfReader(grammar)
    assert reader.accepts('[{"name": "f", "arguments": {"unit": "km", "more": {"unit": "mi"}}}]')
    assert reader.accepts('[{"name": "g", "arguments": {"unit": 3}}, {"name": "f", "arguments": {"unit": "mi"}}]')
    assert not reader.accepts('[{"name": "g", "arguments": {"unit": "km"}}]')
    assert not reader.accepts("[]")


def test_half_characters_are_never_written_but_where_a_schema_lists_them() -> None:
    grammar = _grammar({"type": "string"})
    assert grammar.accepts(r'"\u00e9\uD7FF\ue000"')
    assert not grammar.accepts(r'"\ud83d\ude00"')
    listed = grammar_of({"const": "\ud800"})
    assert listed is not None
    assert GbnfReader(listed).accepts(r'"\ud800"')


def test_a_long_enum_shares_what_its_values_begin_with() -> None:
    grammar = grammar_of({"enum": [f"some value number {number}" for number in range(1000)]})
    assert grammar is not None
    assert len(grammar) < 1_000


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["".join(random.Random(n).choices("abcdefghij", k=80)) for n in range(1000)]},
        {"properties": {f"property {n}": {"type": "string", "maxLength": 200 + n} for n in range(400)}},
        {"properties": {f"p{n}": {"type": "number", "minimum": n + 0.5, "maximum": 1000 + n / 4} for n in range(400)}},
        {"properties": {f"p{n}": {"pattern": f"^(?:a|b)*a(?:a|b){{8}}x{{{n}}}$"} for n in range(30)}},
        {"properties": {f"p{n}": {"pattern": f"^{n}.*x.*y.*z$", "maxLength": 5000} for n in range(100)}},
        {"oneOf": [{"type": "object", "properties": {"k": {"const": str(n)}, "v": {}}} for n in range(200)]},
        {"oneOf": [{"type": "object", "properties": {"k": {"const": str(n)}, "v": {}}} for n in range(600)]},
    ],
    ids=["enum", "lengths", "bounds", "exploding", "long", "tags", "too many tags"],
)
def test_a_large_schema_takes_little_work(schema: Any) -> None:
    body = Schema(schema, "s").body
    begin = time.process_time()
    grammar = grammar_of(body)
    assert time.process_time() - begin < 3  # seldom more than a tenth of it
    assert grammar is None or len(grammar) <= LONGEST
