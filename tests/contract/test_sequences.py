"""Items stand in a body as their media type has it, and events are described as what they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.contract.document import Document
from app.contract.event_schemas import readings
from app.contract.events import item_data
from app.contract.operations import operations
from app.contract.schemas import Schemas
from app.contract.sequences import events_in, framing_of, joined, texts_in
from app.web.sse import written

AT = "/paths/~1a/get/responses/200/content/text~1event-stream/itemSchema"
POINT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
JSON_POINT = {"type": "string", "contentMediaType": "application/json; charset=utf-8", "contentSchema": POINT}
STRING = {"type": "string"}


def of_items(item: Any, **schemas: Any) -> Document:
    content = {"text/event-stream": {"itemSchema": item}}
    paths = {"/a": {"get": {"responses": {"200": {"content": content}}}}}
    return Document({"openapi": "3.2.0", "paths": paths, "components": {"schemas": schemas}})


@pytest.mark.parametrize(
    ("media_type", "framing"),
    [
        ("text/event-stream", "events"),
        ("application/jsonl", "lines"),
        ("application/x-ndjson", "lines"),
        ("application/json-seq", "records"),
        ("application/geo+json-seq", "records"),
        ("multipart/mixed", "parts"),
        ("multipart/form-data", None),
        ("application/json", None),
        ("application/geo+json", None),
    ],
)
def test_these_media_types_are_sequences(media_type: str, framing: str | None) -> None:
    assert framing_of(media_type) == framing


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3))))
def test_what_is_joined_comes_apart_again(items: list[Any]) -> None:
    texts = [json.dumps(item).encode() for item in items]
    assert texts_in("lines", joined("lines", texts)) == texts
    assert [text.strip() for text in texts_in("records", joined("records", texts))] == texts


_TEXT = st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"))
_EVENTS = st.lists(
    st.fixed_dictionaries(
        {"data": st.text(st.characters(exclude_characters="\r", codec="utf-8"))},
        optional={"event": _TEXT, "id": _TEXT, "retry": st.integers(0, 10**9)},
    ),
    max_size=4,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_EVENTS)
def test_events_are_read_as_they_were_written(events: list[Any]) -> None:
    assert events_in(b"".join(map(written, events)).decode()) == events


def test_what_is_no_event_is_passed_over() -> None:
    text = "\ufeff: a comment\rdata: a\r\ndata:b\ndata\n\nevent: none\n\n"
    text += "id: x\0\nretry: 5s\nother: y\ndata:  c\n\ndata: cut"
    assert events_in(text) == [{"data": "a\nb\n"}, {"data": " c"}]


@pytest.mark.parametrize("field", ["event", "id"])
def test_a_field_with_a_line_break_is_never_written(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        written({"data": "x", field: "a\ndata: forged"})


ALONE: dict[str, tuple[Any, str]] = {
    "data that is JSON": ({"properties": {"data": JSON_POINT}}, "/properties/data/contentSchema"),
    "with plain names": (
        {"type": "object", "required": ["data"], "properties": {"event": STRING, "data": JSON_POINT, "id": STRING}},
        "/properties/data/contentSchema",
    ),
    "data that is plainly meant to be JSON": ({"properties": {"data": POINT}}, "/properties/data"),
    "with an end": (
        {"oneOf": [{"properties": {"data": {"const": "[DONE]"}}}, {"properties": {"data": JSON_POINT}}]},
        "/oneOf/1/properties/data/contentSchema",
    ),
    "no field of an event": (POINT, ""),
    "nothing": ({}, ""),
}


@pytest.mark.parametrize("kind", ALONE)
def test_events_of_which_only_the_data_is_described_are_held_to_that(kind: str) -> None:
    item, pointer = ALONE[kind]
    document = of_items(item)
    assert item_data(document, AT) == (AT + pointer, False)
    (operation,) = operations(document)
    assert (operation.response_schema(200, "text/event-stream"), operation.items) == (AT + pointer, frozenset())


WHOLE: dict[str, Any] = {
    "a name that is needed": {"required": ["event"], "properties": {"event": STRING, "data": JSON_POINT}},
    "names that are told": {"properties": {"event": {"enum": ["a"]}, "data": JSON_POINT}},
    "no room for names": {"properties": {"data": JSON_POINT}, "additionalProperties": False},
    "data that is a text": {"properties": {"data": STRING}},
    "a rule for the text": {"properties": {"data": {**JSON_POINT, "maxLength": 10}}},
    "several kinds": {"oneOf": [{"properties": {"data": JSON_POINT}}, {"properties": {"data": {**JSON_POINT}}}]},
    "in parts": {"allOf": [{"properties": {"data": JSON_POINT}}, {"properties": {"event": STRING}}]},
}


@pytest.mark.parametrize("kind", WHOLE)
def test_events_of_which_more_is_described_are_held_to_all_of_it(kind: str) -> None:
    document = of_items(WHOLE[kind])
    assert item_data(document, AT) == (AT, True)
    (operation,) = operations(document)
    assert operation.items == {AT}


def test_the_data_of_an_event_is_held_to_its_content_wherever_it_stands() -> None:
    branches = [
        {"$ref": "#/components/schemas/Added"},
        {"required": ["event"], "properties": {"event": {"const": "gone"}, "data": {"type": "string", "maxLength": 3}}},
    ]
    added = {"required": ["event", "data"], "properties": {"event": {"const": "added"}, "data": JSON_POINT}}
    document = of_items({"oneOf": branches}, Added=added)
    validator = Schemas(document).validator(AT)

    def fits(**event: Any) -> bool:
        return any(map(validator.is_valid, readings(event)))

    assert fits(event="added", data='{"n": 1}')
    assert fits(event="added", data={"n": 1})
    assert not fits(event="added", data='{"n": "x"}')
    assert not fits(event="added", data="no JSON")
    assert not fits(event="added")
    assert fits(event="gone", data="abc")
    assert not fits(event="gone", data="abcd")
    # As a schema of anything else the component says nothing of what a text holds.
    assert Schemas(document).validator("/components/schemas/Added").is_valid({"event": "added", "data": "no JSON"})


def test_a_stream_may_be_described_as_the_list_of_its_events() -> None:
    event = {"required": ["event", "data"], "properties": {"event": {"const": "a"}, "data": JSON_POINT}}
    document = of_items({})
    media = document.content["paths"]["/a"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    del media["itemSchema"]
    media["schema"] = {"type": "array", "items": event}
    document = Document(document.content)
    (operation,) = operations(document)
    (pointer,) = operation.items
    assert pointer == AT.replace("itemSchema", "schema/items")
    validator = Schemas(document).validator(pointer)
    assert validator.is_valid({"event": "a", "data": {"n": 1}})
    assert not validator.is_valid({"event": "a", "data": {}})


def test_schemas_of_events_that_lead_back_to_themselves_end() -> None:
    loop = {"anyOf": [{"$ref": "#/components/schemas/Loop"}, {"properties": {"event": {"const": "a"}, "data": STRING}}]}
    document = of_items({"$ref": "#/components/schemas/Loop"}, Loop=loop)
    assert item_data(document, AT) == (AT, True)
    assert Schemas(document).validator(AT).is_valid({"event": "a", "data": "x"})
