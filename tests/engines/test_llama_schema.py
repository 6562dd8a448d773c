"""A schema of a client is bounded and understood before llama.cpp sees it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from app.engines.constraints.limits import REFUSED
from app.engines.constraints.schema import Schema, accepted
from app.errors import BadRequest

from ..patience import little_work


def _refusal(schema: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        Schema(schema, "s")
    assert caught.value.param is not None
    assert caught.value.param.startswith("s")
    assert caught.value.code == "invalid_value"
    return caught.value


def _nested(depth: int) -> Any:
    schema: Any = {}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


def _chained(count: int, depth: int) -> Any:
    """So many schemas, each of which has so many levels, and the next one in the last of them."""
    definitions: Any = {"a0": {}}
    for number in range(1, count):
        schema: Any = {"$ref": f"#/$defs/a{number - 1}"}
        for _ in range(depth - 1):
            schema = {"items": schema}
        definitions[f"a{number}"] = schema
    return {"$ref": f"#/$defs/a{count - 1}", "$defs": definitions}


@pytest.mark.parametrize(
    ("schema", "limit"),
    [
        ({"description": "x" * 100_000}, "100000"),
        (_nested(32), "32"),
        ({"default": [[]] * 5_000}, "5000"),
        ({"enum": [*range(1001)]}, "1000"),
        ({"properties": {name: {"enum": [*range(501)]} for name in "ab"}}, "1000"),
        ({"pattern": "a" * 513}, "512"),
        ({"patternProperties": {"a" * 513: {}}}, "512"),
        ({"pattern": "a{1,10001}"}, "2000"),
        ({"pattern": "a{" + "9" * 400 + "}"}, "2000"),
        *(({name: 10_001}, name) for name in ("minLength", "maxLength", "minItems", "maxItems")),
        ({"items": {"maxItems": 1e300}}, "10000"),
        # LLGuidance would end its process: that of the model, and of a worker of ours.
        ({"type": "integer", "minimum": -(2**64), "maximum": -(2**63 - 1)}, str(2**53)),
        *(({name: value}, str(2**53)) for name in ("exclusiveMinimum", "maximum") for value in (2**53 + 1, -1e300)),
        (_chained(25, 21), "500"),
        # It would take minutes.
        ({"multipleOf": 9_999_991}, "10000"),
        ({"allOf": [{"multipleOf": 0.997}, {"multipleOf": 991}]}, "10000"),
    ],
)
def test_what_is_over_a_limit_is_refused_with_the_limit(schema: Any, limit: str) -> None:
    assert limit in _refusal(schema).message


def test_what_is_at_the_limits_is_accepted() -> None:
    Schema({"pattern": "a" * 512, "maxLength": 10_000, "maxItems": 10_000, "enum": [*range(1000)]}, "s")
    Schema(_nested(31), "s")
    Schema(_chained(24, 21), "s")
    Schema({"minimum": -(2**53), "exclusiveMaximum": 2**53, "multipleOf": 10_000_000}, "s")
    Schema({"items": {"multipleOf": 0.01}, "prefixItems": [{"multipleOf": 9_973}, {"multipleOf": 9_973}]}, "s")


def test_a_very_deep_or_wide_schema_is_refused_quickly() -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    with little_work(5):
        _refusal({"default": deep})
        _refusal({"default": [0] * 1_000_000})


@pytest.mark.parametrize("keyword", sorted(REFUSED))
def test_a_keyword_that_cannot_be_obeyed_is_named(keyword: str) -> None:
    error = _refusal({"properties": {"a": {"type": "string"}, "b": {keyword: {}}}})
    assert error.param == f"s.properties.b.{keyword}"
    assert keyword in error.message


def test_a_property_may_be_called_like_a_keyword() -> None:
    Schema({"type": "object", "properties": {name: {} for name in REFUSED}, "default": {"not": 1}}, "s")


@pytest.mark.parametrize(
    "reference", ["http://x/y", "other", "#a", "#/$defs/b", "#/$defs", "#/default", "#/anyOf/7", "#/anyOf/-1"]
)
def test_a_reference_that_leads_nowhere_is_refused(reference: str) -> None:
    schema = {
        "$defs": {"a": {}},
        "anyOf": [{"$ref": "#/$defs/a"}],
        "items": {"$ref": reference},
        "default": {"not": {}},
    }
    assert _refusal(schema).param == "s.items.$ref"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"allOf": [{"$ref": "#"}]}}},
    ],
)
def test_references_in_a_circle_are_refused(schema: Any) -> None:
    assert "circle" in _refusal(schema).message


def test_a_schema_may_hold_itself() -> None:
    Schema(
        {
            "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#/$defs/c"}},
            "$defs": {"c": {"items": {"$ref": "#/$defs/c"}}},
        },
        "s",
    )


@pytest.mark.parametrize("pattern", ["(?=a)", "(?!a)", "(?<=a)", "(?<n>a)", r"(a)\1", r"\bfoo", "(("])
def test_a_pattern_that_is_not_regular_is_refused(pattern: str) -> None:
    _refusal({"type": "string", "pattern": pattern})


@pytest.mark.parametrize(
    "schema",
    [[], "x", None, True, {"type": 5}, {"items": [{}]}, {"properties": {"a": 1}}, {"anyOf": {}}, {"required": "a"}],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    _refusal(schema)


def test_an_unknown_format_is_refused_by_name() -> None:
    error = _refusal({"format": "zork"})
    assert error.param == "s.format"
    assert "date-time" in error.message
    assert "zork" not in error.message


def test_objects_are_closed_only_where_that_is_narrower() -> None:
    plain = {"type": "object", "properties": {"a": {}}}
    assert Schema(plain, "s").body["additionalProperties"] is False
    more: dict[str, Any]
    for more in ({"required": ["b"]}, {"allOf": [{}]}, {"anyOf": [{}]}, {"additionalProperties": {}}):
        assert Schema({**plain, **more}, "s").body.get("additionalProperties") is not False


def test_a_text_fits_or_does_not() -> None:
    schema = Schema({"type": "number", "maximum": 3}, "s")
    assert schema.fits("2")
    for text in ("", "4", "NaN", "-Infinity", '"2"', "2 2", "[" * 100_000):
        assert not schema.fits(text)


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """An address that remembers what it is asked for."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/schema", asked
    server.shutdown()
    server.server_close()


@pytest.mark.live
@pytest.mark.parametrize(
    "make",
    [
        lambda uri: {"properties": {"a": {"$schema": uri, "type": "string"}}},
        lambda uri: {"contentMediaType": "application/json", "contentSchema": {"$ref": uri}},
        lambda uri: {"$schema": uri, "type": "object"},
        lambda uri: {"$id": uri, "$ref": "other"},
        lambda uri: {"$ref": uri},
        lambda uri: {"default": {"$schema": uri, "$ref": uri}},
        lambda uri: {"unheard": {"$schema": uri, "$ref": uri, "$id": uri}},
    ],
    ids=range(7),
)
def test_a_schema_makes_the_server_ask_nobody(make: Any, elsewhere: tuple[str, list[str]]) -> None:
    uri, asked = elsewhere
    with contextlib.suppress(BadRequest):
        accepted(make(uri), "p")
    assert asked == []


def _texts(patterns: list[str]) -> Any:
    return {"properties": {f"p{i}": {"type": "string", "pattern": pattern} for i, pattern in enumerate(patterns)}}


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        (_texts([r"\w" * 240]), "p0.pattern"),
        (_texts([r"\s" * 100]), "p0.pattern"),
        (_texts([r"\w" * 110 + str(i) for i in range(3)]), "p2.pattern"),
        (_texts([r"\p{L}" * 60] * 2), "p1.pattern"),
        (_texts([r"\p{L}{60}", r"([\P{L}x]{6}){10}"]), "p1.pattern"),
        (_texts(["." * 500 + str(i) for i in range(100)]), "p9.pattern"),
        (_texts(["((a{30}){30}){30}x"] * 2), "p1.pattern"),
        (_texts([r"(?i)[\u00df-\u017f]" * 8] * 2), "p1.pattern"),
        # What is behind a bracket is not within it.
        (_texts([r"[[a]\p{L}{110}]"]), "p0.pattern"),
        (_texts([r"[\]][^]]\p{L}{110}]"]), "p0.pattern"),
        ({"properties": {"a": {"patternProperties": {r"\d" * 240: {}}}}}, "a.patternProperties"),
    ],
)
def test_patterns_that_take_long_to_compile_are_refused(schema: Any, place: str) -> None:
    error = _refusal(schema)
    assert "may weigh at most 30000" in error.message
    assert error.param == f"s.properties.{place}"


def test_ordinary_patterns_are_accepted() -> None:
    Schema(_texts([r"^\w+$"] * 50), "s")
    Schema(_texts([r"^[^/]{1,99}$"] * 20), "s")
    Schema(_texts([r"^\p{L}{1,100}$"]), "s")
    Schema(
        _texts(
            [
                r"^[\w.+-]+@[\w-]+\.[\w.-]+$",
                r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
                "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
                r"^https?://[^\s/$.?#].[^\s]*$",
                r"^\S+(\s\S+)*$",
                r"^[\p{L}\p{N} .'-]+$",
            ]
            * 10
        ),
        "s",
    )
    Schema(_texts([r"^[\p{L}\p{N} .'-]{1,50}$", "^[a-zA-Z0-9_-]{1,64}$", r"^[^]]\]{1,5}$"]), "s")


def test_a_pattern_is_without_comments() -> None:
    for pattern in ("(?x)a # [", "(?ix: a)", "(?#a)b"):
        assert "comments" in _refusal({"pattern": pattern}).message


def test_repetitions_of_all_patterns_and_properties_of_an_object_are_bounded() -> None:
    for schema, place in (
        ({"properties": {f"p{i}": {"pattern": f"[a-z]{{900}}{i}"} for i in range(50)}}, "p.properties.p2.pattern"),
        ({"pattern": "a{3000}"}, "p.pattern"),
        ({"properties": {f"p{i}": {"type": "string"} for i in range(401)}}, "p.properties"),
    ):
        with pytest.raises(BadRequest) as caught:
            accepted(schema, "p")
        assert caught.value.param == place
    accepted({"properties": {f"p{i}": {"type": "string"} for i in range(400)}}, "p")
