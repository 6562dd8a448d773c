"""A body is explained in a bounded number of steps, whatever the document and however deep the body."""

import time
from typing import Any

import jsonschema_rs
import pytest

from app.contract.document import Document
from app.contract.explain import explain
from app.contract.faults import Fault, Validator
from app.contract.piecewise import TooManySteps
from app.contract.schemas import Schemas

INTEGER = {"type": "integer"}
NODE = {"$ref": "#/components/schemas/S"}


def holding(schema: Any) -> Any:
    return {"type": "object", "properties": {"a": schema}, "required": ["a"]}


SAME = {"properties": {"a": NODE}}
MIXED: Any = {"type": ["object", "integer"]}
CLOSED = {**holding(NODE), "unevaluatedProperties": False}


def tagged(kinds: int) -> Any:
    def kind(tag: str) -> Any:
        return {"type": "object", "properties": {"a": NODE, "type": {"const": tag}}, "required": ["type", "a"]}

    return {"oneOf": [INTEGER, *(kind(f"t{number}") for number in range(kinds))]}


SHAPES: dict[str, Any] = {
    "few tagged": tagged(3),
    "untagged": {"oneOf": [INTEGER, holding(NODE), holding(NODE)]},
    "anyOf": {"anyOf": [INTEGER, holding(NODE), holding(NODE)]},
    "allOf": {"allOf": [holding({"anyOf": [INTEGER, NODE]}), holding({"anyOf": [INTEGER, NODE]})]},
    "conjunction": {**MIXED, "allOf": [SAME, SAME]},
    "dependent": {**MIXED, **SAME, "dependentSchemas": {"a": SAME}},
    "patterns": {**MIXED, "patternProperties": {"a": NODE, "^a": NODE}},
    "conditions": {**MIXED, **SAME, "if": {"required": ["a"]}, "then": SAME},
    "unevaluated": {"anyOf": [INTEGER, CLOSED, CLOSED]},
}
ALL = {**SHAPES, "many tagged": tagged(30)}


def validator(schema: Any, backend: str = "jsonschema-rs", **more: Any) -> Validator:
    document = Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"S": schema, **more}}})
    return Schemas(document, backend=backend).validator("/components/schemas/S")


def nested(levels: int, leaf: Any) -> Any:
    for _ in range(levels):
        leaf = {"type": "t1", "a": leaf}
    return leaf


@pytest.mark.parametrize("shape", ALL)
@pytest.mark.parametrize("levels", [1, 13, 40, 200])
def test_a_fault_deep_in_a_recursive_schema_is_told_at_once(shape: str, levels: int) -> None:
    found = validator(ALL[shape])
    begin = time.process_time()
    error = explain(found, nested(levels, "x"))
    # At 13 levels it took seconds, at 40 for good.
    assert time.process_time() - begin < 2
    assert error.code in ("invalid_type", "invalid_value", "unknown_parameter")
    assert "x" not in error.message.split("expected")[-1].split()
    if levels <= 13 and shape not in ("unevaluated",):
        assert error.param == ".".join("a" * levels)
        assert error.message.startswith("Invalid type")


def test_what_would_take_too_long_ends_in_a_shorter_message() -> None:
    many = {"anyOf": [{"properties": {"a": {"anyOf": [{"const": i}] * 70}}} for i in range(70)]}
    error = explain(
        validator({"type": "object", "properties": {"fine": INTEGER, "bad": many}}), {"fine": 1, "bad": {"a": "x"}}
    )
    assert error.param == "bad.a"
    assert error.message == "Invalid value for 'bad.a': it, or a value inside it, does not fit the contract."
    assert error.code == "invalid_value"


def test_so_does_what_pieces_that_wait_for_each_other_cannot_tell() -> None:
    found = validator({"allOf": [{"not": NODE}, {"type": "string"}, NODE]})
    assert not found.is_valid("x")
    assert (
        explain(found, "x").message
        == "Invalid value for the request body: it, or a value inside it, does not fit the contract."
    )


def test_a_wide_body_with_long_texts_is_explained_at_once() -> None:
    found = validator(
        {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}}}
    )
    body: Any = {f"p{i}": {f"q{j}": "x" * 10_000 for j in range(40)} for i in range(45)}
    body["p44"]["q39"] = 1
    begin = time.process_time()
    error = explain(found, body)
    assert time.process_time() - begin < 5
    assert error.code in ("invalid_type", "invalid_value")


def test_a_schema_that_is_none_behind_a_reference_does_not_end_the_explanation() -> None:
    found = validator(holding({"$ref": "#/components/schemas/T"}), T={"type": [], **holding(INTEGER)})
    assert explain(found, {"a": {"a": "x"}}).code == "invalid_type"


def test_steps_are_counted_and_end() -> None:
    document = Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"S": tagged(30)}}})
    pieces = Schemas(document)._compiler(None).pieces
    assert len(pieces.faults("/components/schemas/S", nested(20, "x"), most=2_000)) == 1
    with pytest.raises(TooManySteps):
        pieces.faults("/components/schemas/S", nested(20, "x"), most=100)
    with pytest.raises(TooManySteps):
        pieces.faults("/components/schemas/S", [1] * 100_000, most=100)


def _rules(faults: Any) -> set[tuple[str, tuple[str, ...]]]:
    def leaves(fault: Fault) -> Any:
        if fault.branches:
            return {leaf for branch in fault.branches for child in branch for leaf in leaves(child)}
        return {(fault.keyword, tuple(map(str, fault.path)))}

    return {leaf for fault in faults for leaf in leaves(fault)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("backend", ["jsonschema-rs", "jsonschema"])
@pytest.mark.parametrize("leaf", ["x", [], {}, {"a": None}, {"type": 1}])
def test_the_faults_are_those_of_the_whole_schema(shape: str, backend: str, leaf: Any) -> None:
    found = validator(SHAPES[shape], backend)
    instance = nested(2, leaf)
    whole = jsonschema_rs.Draft202012Validator({**NODE, "components": {"schemas": {"S": SHAPES[shape]}}})

    def rules(error: Any) -> set[tuple[str, tuple[str, ...]]]:
        branches = getattr(error.kind, "context", None) or ()
        if branches:
            return {rule for branch in branches for child in branch for rule in rules(child)}
        return {(error.kind.name, tuple(map(str, error.instance_path)))}

    expected = {rule for error in whole.iter_errors(instance) for rule in rules(error)}
    faults = list(found.faults(instance))
    assert found.is_valid(instance) == (not faults) == (not expected)
    if shape != "unevaluated":
        assert _rules(faults) == expected
