"""Patterns of several schemas in one request."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from app.engines.constraints.grammar import Grammar
from app.engines.constraints.patterns import MOST_WEIGHT, weigh
from app.engines.constraints.tools import tools_of
from app.errors import BadRequest

# Close to all that a schema may have.
HEAVY = {"type": "string", "pattern": r"\w" * 160}


def _request(count: int) -> Any:
    parameters = {"type": "object", "properties": {"a": HEAVY}}
    functions = [{"name": f"f{number}", "parameters": parameters} for number in range(count)]
    return {"tools": [{"type": "function", "function": function} for function in functions]}


def test_patterns_of_all_tools_are_bounded_together() -> None:
    assert asyncio.run(tools_of(_request(7))) is not None
    with pytest.raises(BadRequest) as caught:
        asyncio.run(tools_of(_request(8)))
    assert caught.value.param == "tools"
    assert "200000" in caught.value.message


def test_others_have_their_turn_between_heavy_tools() -> None:
    async def turns() -> int:
        reading = asyncio.create_task(tools_of(_request(7)))
        count = 0
        while not reading.done():
            await asyncio.sleep(0)
            count += 1
        return count

    assert asyncio.run(turns()) >= 6


def test_patterns_of_a_grammar_are_bounded_together() -> None:
    rule = f"%json {json.dumps(HEAVY)}"
    assert 0 < Grammar("lark", f"start: {rule}", "g").weight <= MOST_WEIGHT
    with pytest.raises(BadRequest, match="patterns after %json"):
        Grammar("lark", f"start: {rule} {rule}", "g")


@pytest.mark.parametrize(
    "pattern", ["(", ")", "[", "[]", "[^", "{3}", "*", "a{", "\\", "\\p", "\\p{", "(?", "|", ")*{2}"]
)
def test_what_is_no_pattern_is_weighed_too(pattern: str) -> None:
    assert weigh(pattern) >= len(pattern)


def test_what_is_repeated_weighs_as_often() -> None:
    once = weigh(r"(?:\p{L}x)")
    assert weigh(r"(?:\p{L}x){20}") > 15 * once
    assert weigh(r"((?:\p{L}x){5}){0,4}") > 15 * once
    assert weigh(r"\{20}") < once
