"""An answer is held against a client's schema in a bounded number of steps, with the verdicts of jsonschema-rs."""

import random
import time
from typing import Any

import jsonschema_rs
import pytest

from app.engines.constraints.checker import Checker, TooManySteps
from app.engines.constraints.limits import MOST_BRANCHES
from app.engines.constraints.schema import Schema
from app.errors import BadRequest


def chain(keyword: str, levels: int) -> Any:
    """Each level has the next one twice."""
    definitions: Any = {f"d{i}": {keyword: [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(levels)}
    definitions[f"d{levels}"] = {"enum": [1]}
    return {"$ref": "#/$defs/d0", "$defs": definitions}


def clique(count: int, keyword: str = "oneOf") -> Any:
    """Kinds of node, each of which may hold each of the others."""
    node: Any = {"type": "object", "required": ["a"], "properties": {}}
    definitions = {
        f"d{i}": {
            keyword: [
                {"type": "integer"},
                *({**node, "properties": {"a": {"$ref": f"#/$defs/d{j}"}}} for j in range(count)),
            ]
        }
        for i in range(count)
    }
    return {"$ref": "#/$defs/d0", "$defs": definitions}


def nested(levels: int, leaf: Any) -> Any:
    for _ in range(levels):
        leaf = {"a": leaf}
    return leaf


def text_of(levels: int, leaf: str) -> str:
    return '{"a":' * levels + leaf + "}" * levels


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf", "allOf"])
def test_a_schema_that_branches_beyond_a_bound_is_refused_by_name(keyword: str) -> None:
    begin = time.process_time()
    for levels in (12, 60, 200):
        with pytest.raises(BadRequest) as caught:
            Schema(chain(keyword, levels), "s")
        assert caught.value.param == "s"
        assert caught.value.code == "invalid_value"
        assert f"more than {MOST_BRANCHES} schemas for one value" in caught.value.message
    assert time.process_time() - begin < 10
    assert Schema(chain(keyword, 9), "s").fits("1") == (keyword != "oneOf")


def test_branches_that_references_share_are_counted_once_each_way() -> None:
    wide: Any = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}] * 1_500}, "b": {"anyOf": [{}]}}}
    Schema(wide, "s")
    wide["$defs"]["b"]["anyOf"] *= 2
    with pytest.raises(BadRequest, match="schemas for one value"):
        Schema(wide, "s")


RECURSIVE: list[Any] = [
    *(
        {"type": ["object", "integer"], "properties": {"a": {k: [{"$ref": "#"}] * 2}}}
        for k in ("oneOf", "anyOf", "allOf")
    ),
    {"type": ["object", "integer"], "properties": {"a": {"$ref": "#"}}, "patternProperties": {"a": {"$ref": "#"}}},
    clique(20),
    clique(20, "anyOf"),
    {
        "$ref": "#/$defs/d0",
        "$defs": {
            **{f"d{i}": {"anyOf": [{"properties": {"a": {"$ref": f"#/$defs/d{i + 1}"}}}] * 2} for i in range(60)},
            "d60": {"enum": [1]},
        },
    },
]


@pytest.mark.parametrize("schema", RECURSIVE, ids=range(len(RECURSIVE)))
@pytest.mark.parametrize("leaf", ["1", '"x"'])
def test_recursion_that_visits_a_value_by_several_ways_costs_schema_times_value(schema: Any, leaf: str) -> None:
    bound = Schema(schema, "s")
    begin = time.process_time()
    bound.fits(text_of(60, leaf))
    # It took years.
    assert time.process_time() - begin < 5


def test_an_expression_tree_of_many_kinds_is_accepted_and_checked() -> None:
    kinds = [
        {
            "type": "object",
            "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "type": {"const": f"t{i}"}},
            "required": ["type", "left", "right"],
            "additionalProperties": False,
        }
        for i in range(30)
    ]
    schema = Schema({"anyOf": [*kinds, {"type": "number"}]}, "s")
    text = "1"
    for _ in range(9):
        text = f'{{"left": {text}, "right": {text}, "type": "t29"}}'
    assert schema.fits(text)
    assert not schema.fits(text.replace('"t29"', '"t30"', 1))


def test_steps_are_bounded_and_what_needs_more_does_not_fit() -> None:
    Checker({"items": {"type": "integer"}}, most=200).fits([*range(100)])
    for value in ([*range(300)], ["x" * 1_000_000], [[1] * 10_000]):
        with pytest.raises(TooManySteps):
            Checker({"items": {"type": ["integer", "string", "array"]}}, most=200).fits(value)
    listed = Checker({"items": {"enum": [[number, 0] for number in range(1_000)]}}, most=200)
    assert listed.fits([[999, 0]])
    with pytest.raises(TooManySteps):
        listed.fits([[0, 0], [1, 0]])
    with pytest.raises(TooManySteps):
        Checker({"patternProperties": {f"{n}$": {} for n in range(100)}}, most=50).fits({str(n): 1 for n in range(100)})
    bound = Schema({"items": {"anyOf": [{"type": "string"}] * 900 + [{"type": "integer"}]}}, "s")
    assert bound.fits("[1, 2]")
    begin = time.process_time()
    assert not bound.fits(f"[{'[], ' * 99_999}1]")
    assert time.process_time() - begin < 10


def test_a_value_may_be_as_deep_as_python_reads_it() -> None:
    assert Schema({"properties": {"a": {"$ref": "#"}}, "type": ["object", "integer"]}, "s").fits(text_of(400, "1"))


VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    2.5,
    10**20,
    "",
    "a",
    "ab",
    "x",
    [],
    [1],
    ["a", 1],
    [[]],
    {},
    {"a": 1},
]
ASSERTIONS: list[Any] = [
    {"type": "integer"}, {"type": ["string", "null"]}, {"const": 1}, {"const": True}, {"const": {"a": 1.0}},
    {"enum": [[1], "a", None]}, {"minLength": 1}, {"pattern": "^a"}, {"minItems": 1}, {"maxItems": 1},
    {"required": ["a"]}, {"minimum": 1}, {"exclusiveMaximum": 2.5}, {"multipleOf": 2}, {"type": "object"}, True, False,
]  # fmt: skip


def _random_schema(rng: random.Random, depth: int) -> Any:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice([*ASSERTIONS, {"$ref": "#/$defs/x"}])
    schema: Any = {} if rng.random() < 0.6 else dict(rng.choice([a for a in ASSERTIONS if isinstance(a, dict)]))

    def child() -> Any:
        return _random_schema(rng, depth - 1)

    for keyword in rng.sample(["allOf", "anyOf", "oneOf", "prefixItems"], rng.randint(0, 2)):
        schema[keyword] = [child() for _ in range(rng.randint(1, 3))]
    for keyword in rng.sample(["items", "additionalProperties"], rng.randint(0, 2)):
        schema[keyword] = child()
    if rng.random() < 0.5:
        schema["properties"] = {name: child() for name in rng.sample("abc", 2)}
    if rng.random() < 0.3:
        schema["patternProperties"] = {rng.choice(["a", "^b", "."]): child()}
    return schema


def _random_value(rng: random.Random, depth: int) -> Any:
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(VALUES)
    if rng.random() < 0.5:
        return [_random_value(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {name: _random_value(rng, depth - 1) for name in rng.sample(["a", "b", "c", "ab"], rng.randint(0, 3))}


@pytest.mark.long
def test_verdicts_are_those_of_jsonschema_rs() -> None:
    rng = random.Random(12)
    verdicts = []
    for _ in range(1_500):
        schema = {
            "anyOf": [_random_schema(rng, 3)],
            "$defs": {"x": {"items": {"$ref": "#"}, "type": ["array", "string"]}},
        }
        checker, other = Checker(schema), jsonschema_rs.Draft202012Validator(schema)
        for value in (_random_value(rng, 3) for _ in range(10)):
            verdict = checker.fits(value)
            assert verdict == other.is_valid(value), (schema, value)
            verdicts.append(verdict)
    assert 0.1 < sum(verdicts) / len(verdicts) < 0.9
