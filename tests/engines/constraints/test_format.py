"""An answer in a format passes up to its end, where it is held against its schema."""

from __future__ import annotations

from typing import Any

import pytest

from app.engines.base import Delta
from app.engines.constraints.format import FormatCheck, schema_of
from app.engines.constraints.schema import accepted
from app.errors import BadRequest, ServerError
from app.jsontypes import Json

SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def passed(*texts: str, reason: str = "stop", may_stop: bool = False) -> list[Delta]:
    check = FormatCheck(accepted(SCHEMA, "p"), may_stop=may_stop)
    deltas = [*(Delta(0, {"content": text}) for text in texts), Delta(0, {}, reason)]
    return [told for delta in deltas for told in check.feed(delta)]


def test_an_answer_that_fits_passes_as_it_is() -> None:
    assert passed('{"a"', ": 1}") == [
        Delta(0, {"content": '{"a"'}),
        Delta(0, {"content": ": 1}"}),
        Delta(0, {}, "stop"),
    ]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1.5}', "{}", '{"a": NaN}', "[" * 100_000], ids=lambda text: text[:9])
def test_an_answer_that_does_not_fit_is_none(text: str) -> None:
    with pytest.raises(ServerError, match="does not fit"):
        passed(text)


def test_an_answer_that_is_cut_may_be_anything() -> None:
    assert passed('{"a', reason="length")[-1].finish_reason == "length"


def test_a_stop_sequence_excuses_what_is_no_json_and_nothing_else() -> None:
    assert passed('{"a', may_stop=True)
    with pytest.raises(ServerError):
        passed("{}", may_stop=True)


def test_text_beside_thoughts_is_what_must_fit() -> None:
    check = FormatCheck(accepted(SCHEMA, "p"), may_stop=False)
    for delta in (Delta(0, {"reasoning_content": "Hm"}), Delta(0, {"content": '{"a": 1}'}), Delta(0, {}, "stop")):
        assert list(check.feed(delta)) == [delta]


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": {"enum": [1]}}}, {"enum": [1]}),
        ({"type": "json_schema", "json_schema": {"name": "n"}}, {}),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": None}}, {}),
    ],
    ids=str,
)
def test_a_format_is_a_schema_or_none(form: Any, body: Json | None) -> None:
    schema = schema_of({"response_format": form} if form else {})
    assert (None if schema is None else schema.body) == body


def test_a_schema_may_be_so_large_and_no_larger() -> None:
    request = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"enum": ["a" * 90]}}}}
    assert schema_of(request, most=110)
    with pytest.raises(BadRequest, match="at most 90"):
        schema_of(request, most=90)
