"""The values of a JSON body are counted before it is parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.errors import BadRequest, ContentTooLarge
from app.settings import Settings
from app.web.bodies import parse_body, parse_json
from app.web.values import HEAVY, Scan, _at_most, scan

from ..turns import turns_of_others
from .asgi import run

DEFAULT = Settings().max_values


def weight(text: str) -> int:
    found = Scan()
    found.feed(text.encode())
    return found.weight


def accepts(raw: bytes, most: int = DEFAULT) -> bool:
    try:
        run(scan(raw, most))
    except ContentTooLarge:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 0),
        ("[1, 2, 3]", HEAVY + 2),
        ('{"a": 1, "b": 2}', 3 * HEAVY + 1),
        ("[[], {}]", 3 * HEAVY + 1),
        ('[",:{[", ",,"]', HEAVY + 1),
        (r'["\",,,", "\\", ",\\\"{"]', HEAVY + 2),
        (f"[{'9' * 18}, {'9' * 19}, {'9' * 38}]", HEAVY + 2 + 3 * HEAVY),
    ],
)
def test_a_value_weighs_one_and_what_takes_longer_to_parse_weighs_more(text: str, expected: int) -> None:
    json.loads(text)
    assert weight(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "' + r"\\" * 40_000 + r"\"" * 40_000 + ',,,,{{{{[[[[", "b": [1, 2, 3]}',
        '["' + r",\"" * 100_000 + r"x\\" + '", "' + ",{" * 100_000 + '"]',
        '["' + "\\\\" * 100_000 + '",1,2,3]',
        json.dumps(["é,中,\n" * 30_000, {"a,b": "\\" * 99_999}], ensure_ascii=False),
    ],
    ids=range(4),
)
def test_a_long_text_weighs_what_its_values_weigh_wherever_it_is_cut(text: str) -> None:
    value = json.loads(text)
    expected = weight(text)
    assert expected == weight(json.dumps(_emptied(value)))
    assert accepts(text.encode(), expected)
    assert not accepts(text.encode(), expected - 1)


def _emptied(value: Any) -> Any:
    """The same values, with nothing in their texts."""
    if isinstance(value, dict):
        return {str(number): _emptied(item) for number, item in enumerate(value.values())}
    return [_emptied(item) for item in value] if isinstance(value, list) else "" if isinstance(value, str) else value


@pytest.mark.parametrize(
    "value",
    [
        [50256] * 300_000,
        {"messages": [{"role": "user", "content": "Well, {this} is [text]: a, b, c."}] * 10_000},
        {"messages": [{"role": "user", "content": "one, two, three: " * 1_000_000}]},
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": [1, 2]}'}}
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": '{"a": {"b": [1, 2, 3]}}'},
            ]
            * 3_000
        },
    ],
    ids=["tokens", "messages", "a long text", "calls"],
)
def test_long_conversations_and_arrays_of_tokens_are_accepted(value: Any) -> None:
    assert accepts(json.dumps(value).encode())


@pytest.mark.long
@pytest.mark.parametrize("item", [b"{}", b"[]", b"1", b'""', b'{"a":1}', b"9" * 4000, b"null", b"[[[[[[[[]]]]]]]]"])
def test_a_large_body_of_small_values_is_refused(item: bytes) -> None:
    raw = b"[" + b",".join([item] * (20 * 1024 * 1024 // (len(item) + 1))) + b"]"
    with pytest.raises(ContentTooLarge, match=rf"more than the {DEFAULT} values"):
        run(scan(raw, DEFAULT))


def test_others_have_their_turn_while_a_body_is_counted() -> None:
    assert turns_of_others(scan(b'"' + b"x" * 10_000_000 + b'"', DEFAULT)) > 30


@pytest.mark.parametrize("number", ["1e309", "-1E400", "1e+999", "0.1e0310", "9" * 310 + ".0", "1" * 250 + "e99"])
@pytest.mark.parametrize("place", ["{}", "[1, 2, [{{}}, {{}}, {}]]", '{{"a": [{{"b": {}}}]}}'])
def test_a_number_that_is_too_large_for_a_float_is_refused_wherever_it_stands(number: str, place: str) -> None:
    text = place.format(number)
    with pytest.raises(BadRequest, match=r"^The body has a number that is too large for a float\.$"):
        parse_json(text.encode())


@pytest.mark.parametrize(
    "number", ["1e308", "-1e-400", "1e0", "12345678901234567890", "1e00002", "0e999", str(0x7FF0 << 45)]
)
def test_a_number_that_a_float_can_hold_is_accepted(number: str) -> None:
    assert parse_json(f"[{number}]".encode()) == [json.loads(number)]


@pytest.mark.parametrize(
    ("text", "has_null"),
    [
        ("null", True),
        ('{"a": [{}, {"b": [1, null]}]}', True),
        ('{"a": "null", "null": ["null"], "b": [1.5, true, {}]}', False),
        ('"\\u006eull"', False),
    ],
)
def test_a_null_is_found_at_any_depth_and_no_text_is_taken_for_one(text: str, has_null: bool) -> None:
    assert parse_body(text.encode()) == (json.loads(text), has_null)


@pytest.mark.parametrize(
    "piece", [b'"' + b"x" * 100 + b'"', b"123,", b"9" * 57 + b" ", b'{"a,b:c{d[": [1, 2.5e3, "\\""]}', b"7"]
)
def test_the_rough_scan_never_finds_less_than_the_exact_one(piece: bytes) -> None:
    for count in (1, 2, 7, 1_000, 20_000):
        exact = Scan()
        exact.feed(piece * count)
        for cut in (1, 19, len(piece) * count // 2, len(piece) * count):
            parts = piece * count
            assert _at_most(parts[:cut]) + _at_most(parts[cut:]) >= exact.weight
