"""Of an event that is like the one before, only the text is parsed; what is read is the same."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from app.engines.asked import Asked
from app.engines.base import Delta, StreamItem
from app.engines.dialects import stream
from app.engines.dialects.drift import Drift
from app.engines.dialects.reading import parse
from app.engines.dialects.stream import StreamReader
from app.engines.dialects.template import template_of
from app.errors import UpstreamFailed

from ..chunks import ROLE, chunk

TEXTS = ["", "a", " word", '"', "\\", '\\"', "é\U0001d54f", "\n\t\x7f", '"content":"x"', "}]}", "a" * 3000]
# What is written differently, or stands where it does not belong.
FORMS: list[dict[str, Any]] = [
    {},
    {"separators": (",", ":")},
    {"indent": 1},
    {"ensure_ascii": False},
]


def event_of(text: str, **more: Any) -> dict[str, Any]:
    return {**chunk({"content": text}), **more}


def items(data: list[bytes], *, templates: bool) -> tuple[list[StreamItem], dict[str, int]]:
    """What a reader reads of events after the first one, and what it counts, with and without templates."""
    drift = Drift("")
    reader = StreamReader(Asked(), drift)
    if not templates:
        reader._in_vain = 10
    reader.feed(json.dumps(chunk(ROLE)).encode())
    return [item for each in data for item in reader.feed(each)], dict(drift.counts)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("more", [{}, {"id": '"content":"x"'}, {"content": "x"}, {"system_fingerprint": None}], ids=str)
def test_texts_are_read_alike(form: dict[str, Any], more: dict[str, Any]) -> None:
    data = [json.dumps(event_of(text, **more), **form).encode() for text in [*TEXTS, *TEXTS]]
    found = items(data, templates=True)
    assert found == items(data, templates=False)
    assert [item.message["content"] for item in found[0] if isinstance(item, Delta)] == [*TEXTS, *TEXTS]


def test_random_streams_are_read_alike() -> None:
    chance = Random(5)
    for _ in range(300):
        data = []
        for _ in range(12):
            event = event_of(chance.choice(TEXTS))
            if chance.random() < 0.3:
                event[chance.choice(["created", "id", "usage", "obfuscation", "content"])] = chance.choice(
                    [7, "x", None]
                )
            if chance.random() < 0.1:
                event["choices"][0]["delta"]["refusal"] = None
            if chance.random() < 0.1:
                event["choices"][0]["logprobs"] = {"content": None, "refusal": None}
            data.append(json.dumps(event, **chance.choice(FORMS)).encode())
        assert items(data, templates=True) == items(data, templates=False)


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices": [{"index": 0, "delta": {"content": "a", "content": "b"}}]}',
        b'{"content": "x", "choices": [{"index": 0, "delta": {"content": "a"}}]}',
        b'{"id": "\\"content\\":\\"", "choices": [{"index": 0, "delta": {"c\\u006fntent": "a"}}]}',
        b'{"id": "the \\"content\\": \\"x\\"", "choices": [{"index": 0, "delta": {"c\\u006fntent": "a"}}]}',
        b'{"choices": [{"index": 0, "delta": {"content": "x", "content": "\\u0001"}}]}',
        b'{"metadata": {"content": "\\u0001"}, "choices": [{"index": 0, "delta": {"content": "\\u0001"}}]}',
        b'{"x": NaN, "choices": [{"index": 0, "delta": {"content": "a"}}]}',
        b'{"x": "' + b"x" * 5000 + b'", "choices": [{"index": 0, "delta": {"content": "a"}}]}',
    ],
)
def test_there_is_none_where_the_place_of_the_text_is_not_certain(data: bytes) -> None:
    assert template_of(data, parse(data)) is None


def test_what_is_not_like_it_is_read_as_a_whole() -> None:
    data = json.dumps(event_of("a")).encode()
    template = template_of(data, parse(data))
    assert template is not None
    assert template.text(data.replace(b'"a"', b'"\\u0062"')) == "b"
    for literal in (b"7", b"null", b'"a', b'"a" "b"', b'"a", "b": "c"', b'"a\nb"', b'["a"]', b'"\\ud800"', b""):
        assert template.text(data.replace(b'"a"', literal)) is None, literal
    assert template.text(data.replace(b'"a"', b'"' + b"a" * 5000 + b'"')) is None, "it would gain nothing"
    with pytest.raises(UpstreamFailed):
        items([data, data.replace(b'"a"', b'"a')], templates=True)


def test_events_that_differ_each_time_are_not_compared_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(data: bytes, event: Any) -> Any:
        made.append(data)
        return template_of(data, event)

    monkeypatch.setattr(stream, "template_of", counted)
    items([json.dumps(event_of("a", obfuscation=str(number))).encode() for number in range(50)], templates=True)
    assert len(made) == 3
    # Those of one second are alike.
    items([json.dumps(event_of("a", created=number // 5)).encode() for number in range(50)], templates=True)
    assert len(made) == 3 + 10


def test_a_choice_that_has_ended_has_no_more_text() -> None:
    reader = StreamReader(Asked(), Drift(""))
    data = json.dumps(event_of("a")).encode()
    for event in (json.dumps(chunk(ROLE)).encode(), data, data, json.dumps(chunk({}, "stop")).encode()):
        reader.feed(event)
    with pytest.raises(UpstreamFailed, match="goes on"):
        reader.feed(data)
