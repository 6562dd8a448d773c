"""Automata of patterns, lengths and bounds accept what whoever checks an answer accepts, and nothing else."""

from __future__ import annotations

import random
from typing import Any

import jsonschema_rs
import pytest

from app.engines.constraints.gbnf.automaton import Automaton, both, of_length, of_pattern
from app.engines.constraints.gbnf.expressions import Unsayable, parse
from app.engines.constraints.gbnf.numbers import numbers

from .random_schemas import random_pattern

_SIGNS = 'aaabf09é世.-\\/\n "_A'


def _accepts(automaton: Automaton, text: str) -> bool:
    state = 0
    for sign in map(ord, text):
        following = [to for ranges, to in automaton.moves[state] if any(low <= sign <= high for low, high in ranges)]
        if not following:
            return False
        (state,) = following
    return automaton.ends[state]


@pytest.mark.parametrize("seed", range(40))
def test_a_pattern_is_found_in_the_same_texts(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        pattern = random_pattern(chance, 3)
        try:
            automaton = of_pattern(pattern)
        except Unsayable:  # too large
            continue
        validator = jsonschema_rs.Draft202012Validator({"pattern": pattern})
        for _ in range(60):
            text = "".join(chance.choices(_SIGNS, k=chance.randint(0, 7)))
            assert _accepts(automaton, text) == validator.is_valid(text), (pattern, text)


@pytest.mark.parametrize(
    "pattern", ["^$", "$^", "a|^$", "(^|b)a($|c)", "^(^a)*$", "(a$)?b", "()", "|", "(a|)+^", "a*$^"]
)
def test_anchors_hold_wherever_they_stand(pattern: str) -> None:
    validator = jsonschema_rs.Draft202012Validator({"pattern": pattern})
    for text in ("", "a", "b", "ab", "ba", "bac", "aa", "ac", "\n"):
        assert _accepts(of_pattern(pattern), text) == validator.is_valid(text), text


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            r"\p{L}",
            r"\ba",
            r"(?=a)",
            r"(a)\1",
            "(?i)a",
            "[]a]",
            "[^]",
            "[a[b]",
            "[a&&b]",
            "[a--b]",
            "a{,3}",
            "a{",
            "*a",
        ),
        *(
            "a**",
            "a{3,1}",
            "(a",
            "a)",
            "[a",
            "a\\",
            r"\u00",
            r"\ud800",
            r"\u{1F600}",
            r"\cA",
            r"\e",
            "^*",
            "[b-a]",
            r"[\d-x]",
        ),
    ],
)
def test_what_others_read_in_another_way_is_not_read(pattern: str) -> None:
    with pytest.raises(Unsayable):
        parse(pattern)


def test_two_conditions_hold_together() -> None:
    automaton = both(both(of_pattern("a"), of_pattern("^[ab]*$")), of_length(2, 3))
    texts = ["", "a", "ab", "bb", "bba", "abab", "ac"]
    assert [_accepts(automaton, text) for text in texts] == [False, False, True, False, True, False, False]
    assert both(of_pattern("^a"), of_pattern("^b")).is_empty


def test_the_length_of_the_longest_text_is_known() -> None:
    assert of_pattern("^(?:ab|c{2,5})$").longest() == 5
    assert of_pattern("^ab*$").longest() is None
    assert of_length(0, 7).longest() == 7


def _number_between(chance: random.Random, places: int) -> str:
    size = chance.choice([1, 10, 1000, 10**6])
    text = f"{chance.uniform(-size, size):.{places}f}"
    return text if float(text) else "0"


@pytest.mark.parametrize("seed", range(60))
def test_bounds_of_numbers_are_where_they_should_be(seed: int) -> None:
    chance = random.Random(seed)
    integers = seed % 3 == 0
    schema: Any = {"type": "integer" if integers else "number"}
    for name in chance.sample(["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"], chance.randint(1, 3)):
        text = _number_between(chance, chance.randint(0, 4))
        schema[name] = float(text) if "." in text else int(text)
    if integers and chance.random() < 0.5:
        schema["multipleOf"] = chance.choice([1, 2, 5, 6, 10, 0.5, 100])
    validator = jsonschema_rs.Draft202012Validator(schema)
    automaton = numbers([schema], integers=integers)
    bounds = [bound for name, bound in schema.items() if name not in ("type", "multipleOf")]
    for _ in range(200):
        places = 0 if integers else chance.randint(0, 6)
        value = chance.choice(bounds) + chance.choice([0, 0, 1, -1, 0.1, -0.001, chance.randint(-40, 40)])
        text = chance.choice([f"{value:.{places}f}", _number_between(chance, places)])
        if float(text) or text == "0":
            assert _accepts(automaton, text) == validator.is_valid(float(text)), (schema, text)
