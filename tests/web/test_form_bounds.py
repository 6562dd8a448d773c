"""What a form takes to read is bounded before it is read, and others have their turn meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from app.contract.forms import Form, FormField
from app.contract.parameters import Encoding
from app.contract.shapes import Shape
from app.errors import BadRequest, ContentTooLarge
from app.settings import Settings
from app.web import values
from app.web.forms import FormCheck
from app.web.urlencoded import read_urlencoded
from app.web.values import HEAVY

from ..turns import turns_of_others
from .asgi import run

MiB = 1 << 20
DEFAULT = Settings().max_values
ANYTHING = {"anyOf": [{"type": "array"}, {"type": "string"}]}


def body(*fields: FormField, most: int = DEFAULT, **encodings: Encoding) -> Coroutine[Any, Any, Any]:
    schema = {
        "type": "object",
        "properties": {"a": ANYTHING, "b": ANYTHING, "ids": {"type": "array", "items": {"type": "integer"}}},
    }
    return FormCheck(Form(Shape(lambda node: node, schema), encodings), None, {}).body(list(fields), most)


def parts(text: str) -> list[FormField]:
    return run(read_urlencoded(text.encode(), DEFAULT))


def turns_while(reading: Coroutine[Any, Any, object]) -> int:
    """How often others have their turn before all is read or refused."""

    async def read() -> None:
        with contextlib.suppress(ContentTooLarge):
            await reading

    return turns_of_others(read())


# -- JSON in fields ----------------------------------------------------------------------------------------------


def test_a_field_is_weighed_in_slices_with_turns_between_them() -> None:
    assert turns_while(body(FormField("a", "[" + '"' * 10 * MiB))) > 100


def test_a_field_is_weighed_no_further_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []

    class Watched(values.Scan):
        def feed(self, piece: bytes) -> None:
            pieces.append(len(piece))
            super().feed(piece)

    monkeypatch.setattr(values, "Scan", Watched)
    with pytest.raises(ContentTooLarge):
        run(body(FormField("a", "[" + '"ab",' * (2 * MiB)), most=50_000))
    assert sum(pieces) < MiB // 2


@pytest.mark.parametrize("broken", ['{"', '["a', '{"a": "\\'])
def test_a_field_that_is_no_json_does_not_hide_the_next(broken: str) -> None:
    with pytest.raises(ContentTooLarge):
        run(body(FormField("a", broken), FormField("b", "[" + "1," * 1_000 + "1]"), most=500))
    assert run(body(FormField("a", broken), FormField("b", "[1,1]"), most=500)) == {"a": broken, "b": [1, 1]}


def test_the_values_of_all_fields_count_together() -> None:
    field = "[" + "1," * 99 + "1]"
    weight = 2 * (HEAVY + 99)
    read = run(body(FormField("a", field), FormField("b", field), most=weight))
    assert read == {"a": [1] * 100, "b": [1] * 100}
    with pytest.raises(ContentTooLarge):
        run(body(FormField("a", field), FormField("b", field), most=weight - 1))


# -- percent-encoding --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", ["%41", "%", "%%41", "a%C3%A9", "&a=%41"])
def test_percent_encoded_bytes_are_bounded(piece: str) -> None:
    raw = ("a=" + piece * (20 * MiB // len(piece))).encode()
    with pytest.raises(ContentTooLarge):
        run(read_urlencoded(raw, DEFAULT))


def test_fields_and_percent_encoded_bytes_count_together() -> None:
    assert len(run(read_urlencoded(b"a=%41&b=%42", 4))) == 2
    with pytest.raises(ContentTooLarge, match=r"more than the 3 fields and percent-encoded bytes"):
        run(read_urlencoded(b"a=%41&b=%42", 3))


@pytest.mark.parametrize(
    "text", ["日本語の文章" * 10_000, "😀" * 50_000, "Où? 100 % + 1 = é\n" * 50_000, "plain words " * 1_000_000]
)
def test_long_texts_are_read_whole(text: str) -> None:
    raw = quote_plus(text, safe="=?\n") if "é" not in text else text.replace("%", "%25").replace("+", "%2B")
    (field,) = parts("a=" + raw)
    assert field.text == text


@pytest.mark.long
def test_an_escape_is_read_wherever_a_text_is_cut() -> None:
    for shift in range(13):
        text = "x" * shift + "é%日😀%%4" * 20_000
        (field,) = parts("a=" + quote(text))
        assert field.text == text
    (field,) = parts("a=" + "%" * 100_000 + "%4")
    assert field.text == "%" * 100_000 + "%4"


def test_a_long_text_that_is_not_utf_8_is_an_error() -> None:
    with pytest.raises(BadRequest, match="in 'a' are not UTF-8"):
        parts("a=" + "%FF" * 100_000)


def test_others_have_their_turn_while_a_form_is_decoded() -> None:
    assert turns_while(read_urlencoded(b"a=" + b"%41" * 450_000, DEFAULT)) > 15
    assert turns_while(read_urlencoded(b"a=%41%41%41%41%41%41%41%41%41&" * 9_000, DEFAULT)) >= 3


def test_a_long_text_in_a_style_that_splits_nothing_is_read() -> None:
    text = "日本語の文章, と, " * 10_000
    assert run(body(*parts("a=" + quote(text)), a=Encoding(style=("form", True)))) == {"a": text}


# -- styles ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "mark"), [("form", ","), ("spaceDelimited", "+"), ("spaceDelimited", "%20"), ("pipeDelimited", "|")]
)
def test_the_pieces_of_a_style_count_as_heavy_values(style: str, mark: str) -> None:
    ids = mark.join("1" * 11)
    encoding = Encoding(style=(style, False))
    assert run(body(*parts("ids=" + ids), most=10 * HEAVY, ids=encoding)) == {"ids": [1] * 11}
    with pytest.raises(ContentTooLarge):
        run(body(*parts("ids=" + ids), most=10 * HEAVY - 1, ids=encoding))


def test_a_part_with_a_style_is_read_as_it_stands() -> None:
    text = "1 + 1, 100%25 é="
    assert run(body(FormField("a", text), a=Encoding(style=("form", True)))) == {"a": text}
    with pytest.raises(ContentTooLarge):
        run(body(FormField("a", "%" * MiB), a=Encoding(style=("form", True))))
