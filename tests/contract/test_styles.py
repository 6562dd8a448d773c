"""The styles of parameters, row by row as the OpenAPI Specification's table "Style Examples" has them."""

from __future__ import annotations

from typing import Any

import pytest

from app.contract.parameters import Parameter, style_of
from app.contract.shapes import Shape
from app.contract.styles import read_fields, read_pairs, read_segment, split_cookies, split_query
from app.errors import BadRequest

STRING = {"type": "string"}
ARRAY = {"type": "array", "items": {"type": "string"}}
OBJECT = {"type": "object", "properties": {name: {"type": "integer"} for name in "RGB"}}

COLORS = ["blue", "black", "brown"]
RGB = {"R": 100, "G": 200, "B": 150}


def parameter(
    schema: Any, style: str, explode: bool | None = None, location: str = "query", name: str = "color"
) -> Parameter:
    node = {"style": style} if explode is None else {"style": style, "explode": explode}
    return Parameter(name, location, False, None, Shape(lambda s: s, schema), *style_of(node, location))


def query(made: Parameter, text: str, *others: str) -> Any:
    readings = read_pairs(made, split_query(text), frozenset({made.name, *others}))
    return None if readings is None else readings[0]


@pytest.mark.parametrize(
    ("style", "explode", "empty", "string", "array", "members"),
    [
        ("matrix", False, ";color", ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"),
        ("matrix", True, ";color", ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"),
        ("label", False, ".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
        ("label", True, ".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
        ("simple", False, "", "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("simple", True, "", "blue", "blue,black,brown", "R=100,G=200,B=150"),
    ],
)
def test_every_row_of_the_table_for_paths(
    style: str, explode: bool, empty: str, string: str, array: str, members: str
) -> None:
    for schema, text, value in (
        (STRING, empty, ""),
        (ARRAY, empty, []),
        (STRING, string, "blue"),
        (ARRAY, string, ["blue"]),
        (ARRAY, array, COLORS),
        (OBJECT, members, RGB),
    ):
        assert read_segment(parameter(schema, style, explode, "path"), text)[0] == value


@pytest.mark.parametrize(
    ("style", "explode", "empty", "string", "array", "members"),
    [
        ("form", False, "color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"),
        ("form", True, "color=", "color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"),
        ("spaceDelimited", False, None, None, "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, None, None, "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"),
        ("pipeDelimited", False, None, None, "color=blue|black|brown", "color=R|100|G|200|B|150"),
        ("deepObject", True, None, None, None, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("deepObject", True, None, None, None, "color[R]=100&color[G]=200&color[B]=150"),
    ],
)
def test_every_row_of_the_table_for_queries(
    style: str, explode: bool, empty: str | None, string: str | None, array: str | None, members: str
) -> None:
    for schema, text, value in (
        (STRING, empty, ""),
        (ARRAY, empty, []),
        (STRING, string, "blue"),
        (ARRAY, string, ["blue"]),
        (ARRAY, array, COLORS),
        (OBJECT, members, RGB),
    ):
        if text is not None:
            made = parameter(schema, style, explode)
            assert query(made, text) == value
            assert query(made, f"before=1&{text}&after=2", "before", "after") == value
            assert query(made, "before=1&after=2", "before", "after") is None


@pytest.mark.parametrize(("explode", "members"), [(False, "R,100, G ,200,B,150"), (True, "R=100,G=200, B=150")])
def test_headers_are_written_simply_and_fields_of_one_name_are_one_list(explode: bool, members: str) -> None:
    made = parameter(ARRAY, "simple", explode, "header")
    assert read_fields(made, ["blue, black", "brown"])[0] == COLORS
    assert read_fields(made, [""])[0] == []
    assert read_fields(parameter(STRING, "simple", explode, "header"), ["a, b%20c"])[0] == "a, b%20c"
    assert read_fields(parameter(OBJECT, "simple", explode, "header"), [members])[0] == RGB


def test_cookies_are_written_as_forms() -> None:
    cookies = split_cookies(["a=1; color=blue%2Cgreen,black", 'q="x y"; e='])
    assert read_pairs(parameter(ARRAY, "form", False, "cookie"), cookies) == [["blue,green", "black"]]
    assert read_pairs(parameter({"type": "integer"}, "form", None, "cookie", "a"), cookies) == [1]
    assert read_pairs(parameter(STRING, "form", None, "cookie", "q"), cookies) == ["x y"]
    assert read_pairs(parameter(STRING, "form", None, "cookie", "e"), cookies) == [""]
    several = split_cookies(["color=blue; color=black", "color=brown"])
    assert read_pairs(parameter(ARRAY, "form", None, "cookie"), several) == [COLORS]
    assert read_pairs(
        parameter(ARRAY, "form", None, "cookie"), split_cookies(["color=blue&color=black&color=brown"])
    ) == [COLORS]
    assert read_pairs(parameter(OBJECT, "form", None, "cookie"), split_cookies(["a=1; R=100&G=200&B=150"])) == [RGB]
    # A plus is a plus: only forms write a space so.
    assert read_pairs(parameter(STRING, "form", None, "cookie"), split_cookies(["color=a+b%20c"])) == ["a+b c"]


@pytest.mark.parametrize(
    ("location", "style", "explode"),
    [("path", "simple", False), ("query", "form", True), ("header", "simple", False), ("cookie", "form", True)],
)
def test_the_defaults_of_style_and_explode(location: str, style: str, explode: bool) -> None:
    assert style_of({}, location) == (style, explode)
    assert style_of({"style": "deepObject"}, "query") == ("deepObject", False)
    assert style_of({"style": "label"}, "path") == ("label", False)
    assert style_of({"style": "form"}, "query") == ("form", True)


def test_a_delimiter_that_is_percent_encoded_belongs_to_the_value() -> None:
    assert query(parameter(ARRAY, "form", False), "color=a%2Cb,c") == ["a,b", "c"]
    assert query(parameter(ARRAY, "form", True), "color=a,b&color=c%26d%3De") == ["a,b", "c&d=e"]
    assert query(parameter(ARRAY, "pipeDelimited"), "color=a,b|c+d") == ["a,b", "c d"]
    assert query(parameter(OBJECT | {"additionalProperties": True}, "form", False), "color=x%2Cy,1") == {"x,y": "1"}
    assert read_segment(parameter(ARRAY, "simple", None, "path"), "a%2Cb,c%20d+e")[0] == ["a,b", "c d+e"]
    assert read_segment(parameter(ARRAY, "label", True, "path"), ".a%2Eb.c")[0] == ["a.b", "c"]
    assert read_segment(parameter(ARRAY, "matrix", True, "path"), ";color=a%3Bb;color=c%3Dd")[0] == ["a;b", "c=d"]
    # Reserved characters may also stand as they are (allowReserved).
    assert query(parameter(STRING, "form"), "color=a/b?c:d=e@f") == "a/b?c:d=e@f"
    assert query(parameter(STRING, "form"), "color=a+b%2Bc%20d") == "a b+c d"


def test_bytes_that_are_no_text_are_an_error_that_names_the_parameter() -> None:
    with pytest.raises(BadRequest) as caught:
        query(parameter(STRING, "form"), "color=%ff")
    assert (caught.value.param, caught.value.code) == ("color", "invalid_value")


def test_texts_get_the_types_of_the_schema() -> None:
    for schema, text, value in (
        ({"type": "integer"}, "12", 12),
        ({"type": "integer"}, "-3", -3),
        ({"type": "integer"}, "1.5", "1.5"),
        ({"type": "integer"}, "twelve", "twelve"),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, "NaN", "NaN"),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "True", "True"),
        ({"type": "string"}, "12", "12"),
        ({"type": ["string", "integer"]}, "12", 12),
        ({"type": ["integer", "null"]}, "12", 12),
        ({"type": ["integer", "null"]}, "null", None),
        ({"type": ["integer", "null"]}, "", None),
        ({"type": "integer", "nullable": True}, "null", None),
        ({"type": ["string", "null"]}, "null", "null"),
        ({"anyOf": [{"type": "boolean"}, {"type": "integer"}]}, "7", 7),
        ({"oneOf": [{"type": "string", "enum": ["auto"]}, {"type": "integer"}]}, "7", 7),
        ({"allOf": [{"type": "number"}, {"type": ["integer", "string"]}]}, "7", 7),
        ({"enum": [1, 2]}, "2", 2),
        ({"const": True}, "true", True),
        ({}, "12", "12"),
        (True, "12", "12"),
    ):
        assert Shape(lambda s: s, schema).readings(text)[0] == value, (schema, text)
        assert type(Shape(lambda s: s, schema).readings(text)[0]) is type(value)


def test_items_and_properties_have_the_types_of_their_own_schemas() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "integer"}}},
        "patternProperties": {"^is_": {"type": "boolean"}},
        "additionalProperties": {"type": "number"},
    }
    members = "color[n]=1&color[tags]=1&color[tags]=2&color[is_x]=true&color[more]=0.5"
    value = {"n": 1, "tags": [1, 2], "is_x": True, "more": 0.5}
    assert query(parameter(schema, "deepObject"), members) == value
    assert query(parameter(schema, "form"), members.replace("color[", "").replace("]", "")) == value
    assert query(parameter({"type": "array", "items": {"type": "integer"}}, "form", False), "color=1,2") == [1, 2]


def test_an_exploded_object_takes_what_is_no_parameter_of_its_own() -> None:
    free = {"type": "object", "additionalProperties": {"type": "string"}}
    assert query(parameter(free, "form"), "a=1&limit=5&b=2", "limit") == {"a": "1", "b": "2"}
    assert query(parameter(OBJECT, "form"), "R=1&limit=5&utm_source=x", "limit") == {"R": 1}
    assert query(parameter(free, "form"), "limit=5", "limit") is None


def test_names_with_brackets_are_read_as_many_clients_mean_them() -> None:
    assert query(parameter(ARRAY, "form"), "color[]=blue&color[]=black") == ["blue", "black"]
    assert query(parameter(OBJECT, "form"), "color[R]=100") == {"R": 100}
    assert query(parameter(ARRAY, "form", name="color[]"), "color[]=blue") == ["blue"]


def test_a_union_with_an_array_is_read_by_what_is_there() -> None:
    union = {"anyOf": [{"type": "string"}, ARRAY]}
    assert query(parameter(union, "form"), "color=a") == "a"
    assert query(parameter(union, "form"), "color=a&color=b") == ["a", "b"]
    nullable = {"type": ["array", "null"], "items": {"type": "string"}}
    assert query(parameter(nullable, "form", False), "color=a,b") == ["a", "b"]
    assert query(parameter(nullable, "form", False), "color=") == []
    assert query(parameter(nullable, "form", False), "color=null") == ["null"]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (parameter(STRING, "form"), "color=a&color=b"),
        (parameter(OBJECT, "deepObject"), "color[R]=1&color[R]=2"),
        (parameter(OBJECT, "deepObject"), "color[R][x]=2"),
        (parameter(OBJECT, "deepObject"), "color=R,1"),
        (parameter(OBJECT, "form", False), "color=R,1,G"),
        (parameter(OBJECT, "form", False), "color=R,1&color=G,2"),
        (parameter(OBJECT, "form", True), "color=R"),
    ],
)
def test_what_is_not_in_the_style_is_an_error_that_names_the_parameter(made: Parameter, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        query(made, text)
    assert (caught.value.param or "").split(".")[0] == "color"
    assert "in the query" in caught.value.message


@pytest.mark.parametrize(
    ("schema", "style", "text"),
    [
        (STRING, "matrix", "blue"),
        (STRING, "matrix", ";other=blue"),
        (STRING, "matrix", ";color=a;color=b"),
        (STRING, "label", "blue"),
        (OBJECT, "simple", "R,100,G"),
        (OBJECT, "label", ".R"),
    ],
)
def test_a_piece_of_a_path_that_is_not_in_its_style_is_an_error(schema: Any, style: str, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_segment(parameter(schema, style, None, "path"), text)
    assert (caught.value.param, caught.value.code) == ("color", "invalid_value")


def test_a_schema_that_refers_to_itself_is_read() -> None:
    tree: dict[str, Any] = {"type": "object", "properties": {}}
    tree["properties"]["child"] = tree
    tree["allOf"] = [tree]
    assert Shape(lambda s: s, tree).property("child").property("child").types == ("object",)
