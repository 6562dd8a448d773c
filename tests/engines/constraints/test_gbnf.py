"""What a grammar in GBNF lets a model say obeys its schema, and what a model would ordinarily say is in the grammar."""

from __future__ import annotations

import json
import random
from typing import Any

import jsonschema_rs
import pytest

from app.engines.constraints.gbnf import grammar_of
from app.engines.constraints.schema import Schema, read
from app.errors import BadRequest

from .gbnf_reader import GbnfReader
from .gbnf_schemas import TABLE, UNSAYABLE, random_schema


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


@pytest.mark.parametrize("index", range(len(TABLE)), ids=lambda index: f"{index}-{json.dumps(TABLE[index][0])[:60]}")
def test_a_schema_of_the_table_is_said_soundly_and_widely(index: int) -> None:
    schema, values = TABLE[index]
    grammar = _grammar(schema)
    _assert_sound(schema, grammar, index, 60)
    for value in values:
        assert Schema(schema, "s").fits(_written(value))
        assert grammar.accepts(_written(value)), value


@pytest.mark.parametrize("seed", range(40))
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
            _assert_sound(schema, GbnfReader(grammar), number, 20)


def test_most_random_schemas_are_said() -> None:
    chance = random.Random(1)
    schemas = [schema for _ in range(150) if isinstance(schema := random_schema(chance), dict)]
    said = [schema for schema in schemas if grammar_of(schema) is not None]
    assert len(said) > 0.6 * len(schemas)


@pytest.mark.parametrize("schema", UNSAYABLE, ids=lambda schema: json.dumps(schema)[:60])
def test_what_cannot_be_said_has_no_grammar(schema: Any) -> None:
    assert grammar_of(Schema(schema, "s").body) is None
