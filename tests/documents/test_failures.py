"""Errors are told in the shape that a document has for them, wherever its names leave room for a message."""

from __future__ import annotations

from typing import Any

import pytest

from app.contract.document import Document
from app.contract.schemas import Schemas
from app.documents.failures.failure import Failure
from app.documents.failures.shape import failing_event, shape_of
from app.documents.samples.samples import Samples

STRING: Any = {"type": "string"}
INTEGER: Any = {"type": "integer"}
MESSAGE = "Invalid value for 'tags[1].name'. Send a word."
OURS = {
    "error": {"message": MESSAGE, "type": "invalid_request_error", "param": "tags[1].name", "code": "invalid_value"}
}


def some(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def all_of(**properties: Any) -> dict[str, Any]:
    return {**some(**properties), "required": list(properties)}


def listed(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def samples(schema: Any, version: str = "3.1.0") -> Samples:
    document = Document({"openapi": version, "paths": {}, "components": {"schemas": {"E": schema}}})
    return Samples(Schemas(document))


def told(schema: Any, version: str = "3.1.0", examples: Any = (), **fields: Any) -> Any:
    """How an error is told by a schema; what is told fits it."""
    made = samples(schema, version)
    given: dict[str, Any] = {"param": "tags[1].name", "code": "invalid_value", "status": 400, "message": MESSAGE}
    failure = Failure(**{**given, **fields}, type="invalid_request_error", request_id="req_1")
    shape = shape_of(made, "/components/schemas/E", examples)
    found = shape.tell(failure, OURS) if shape else None
    assert found is None or made.fits("/components/schemas/E", found)
    return found


ONE = all_of(message=STRING, type={"const": "bad_request"})
# Schemas of errors, and what they make of one.
SHAPES: dict[str, tuple[Any, Any]] = {
    "a message": (all_of(message=STRING), {"message": MESSAGE}),
    "an error as a text": (all_of(error=STRING), {"error": MESSAGE}),
    "an optional code that is a number": (some(code=INTEGER, message=STRING), {"code": 400, "message": MESSAGE}),
    "a code that is a text": (all_of(code=STRING, message=STRING), {"code": "invalid_value", "message": MESSAGE}),
    "a code of some": (
        all_of(errorCode={"enum": ["GONE", "BAD_REQUEST"]}, msg=STRING),
        {"errorCode": "BAD_REQUEST", "msg": MESSAGE},
    ),
    "what else is required": (
        {**all_of(message=STRING, retries={"type": "integer", "minimum": 3}), "additionalProperties": False},
        {"message": MESSAGE, "retries": 3},
    ),
    "what else is allowed": (some(message=STRING, link=STRING, more=some(note=STRING)), {"message": MESSAGE}),
    "a list": (
        all_of(errors={**listed(all_of(field=STRING, message=STRING)), "minItems": 1}),
        {"errors": [{"field": "tags[1].name", "message": MESSAGE}]},
    ),
    "a list of texts": (
        all_of(success={"type": "boolean"}, errors=listed(STRING)),
        {"success": False, "errors": [MESSAGE]},
    ),
    "GitHub": (
        some(message=STRING, documentation_url=STRING, errors=listed(some(resource=STRING, field=STRING, code=STRING))),
        {"message": MESSAGE},
    ),
    "RFC 9457": (
        some(
            type={"type": "string", "format": "uri", "default": "about:blank"},
            title=STRING,
            status=INTEGER,
            detail=STRING,
            instance={"type": "string", "format": "uri"},
        ),
        {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": MESSAGE},
    ),
    "a title alone": (all_of(title=STRING, status=INTEGER), {"title": MESSAGE, "status": 400}),
    "FastAPI": (
        some(detail=listed(all_of(loc=listed({"anyOf": [STRING, INTEGER]}), msg=STRING, type=STRING))),
        {"detail": [{"loc": ["tags", 1, "name"], "msg": MESSAGE, "type": "invalid_request_error"}]},
    ),
    "JSON:API": (
        all_of(errors=listed(some(status=STRING, title=STRING, detail=STRING, source=some(pointer=STRING)))),
        {
            "errors": [
                {"status": "400", "title": "Bad Request", "detail": MESSAGE, "source": {"pointer": "/tags/1/name"}}
            ]
        },
    ),
    "OAuth": (
        all_of(error=STRING, error_description=STRING),
        {"error": "invalid_value", "error_description": MESSAGE},
    ),
    "Anthropic": (
        all_of(
            type={"const": "error"},
            error={"oneOf": [all_of(type={"const": "invalid_request_error"}, message=STRING), ONE]},
            request_id=STRING,
        ),
        {"type": "error", "error": {"type": "invalid_request_error", "message": MESSAGE}, "request_id": "req_1"},
    ),
    "Google": (
        all_of(error=all_of(code=INTEGER, message=STRING, status={"enum": ["NOT_FOUND", "BAD_REQUEST"]})),
        {"error": {"code": 400, "message": MESSAGE, "status": "BAD_REQUEST"}},
    ),
    "Spring": (
        all_of(timestamp={"type": "string", "format": "date-time"}, status=INTEGER, error=STRING, message=STRING),
        {"timestamp": "2024-01-01T00:00:00Z", "status": 400, "error": "invalid_value", "message": MESSAGE},
    ),
    "ours": (all_of(error=all_of(message=STRING, type=STRING)), OURS),
    "anything": ({}, OURS),
    "a text": (STRING, MESSAGE),
    "a short message": (
        all_of(message={"type": "string", "maxLength": 33}),
        {"message": "Invalid value for 'tags[1].name'."},
    ),
    "a very short message": (all_of(message={"type": "string", "maxLength": 12}), {"message": "Bad Request"}),
    "one of several": (
        {"oneOf": [all_of(id=INTEGER), all_of(id=STRING, message=STRING)]},
        {"message": MESSAGE, "id": "string"},
    ),
    "an example": (
        {**some(message=STRING, code=INTEGER), "example": {"message": "No.", "code": 1200}},
        {"message": MESSAGE, "code": 400},
    ),
}


@pytest.mark.parametrize(("schema", "expected"), SHAPES.values(), ids=SHAPES)
def test_an_error_is_told_by_the_names_of_a_schema(schema: Any, expected: Any) -> None:
    assert told(schema) == expected
    assert told(schema) == told(schema)


@pytest.mark.parametrize(
    "schema",
    [
        all_of(id=INTEGER, name=STRING),
        all_of(code=INTEGER, status=STRING),
        all_of(message={"enum": ["gone"]}),
        INTEGER,
        {"not": {}},
        {"oneOf": [{"$ref": "#/nowhere"}, {"$ref": "more.yaml#/E"}]},
    ],
)
def test_where_a_message_has_no_place_nothing_is_told(schema: Any) -> None:
    assert told(schema) is None


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_what_an_error_does_not_have_is_left_out_or_nothing(version: str) -> None:
    null = {"type": "string", "nullable": True} if version == "3.0.3" else {"type": ["string", "null"]}
    nothing: dict[str, Any] = {"param": None, "code": None}
    assert told(some(field=STRING, message=STRING), version, **nothing) == {"message": MESSAGE}
    assert told(all_of(field=null, message=STRING), version, **nothing) == {"field": None, "message": MESSAGE}
    assert told(all_of(field=STRING, message=STRING), version, **nothing) == {"field": "", "message": MESSAGE}
    assert told(all_of(code=STRING, message=STRING), version, **nothing)["code"] == "invalid_request_error"
    source = some(source=some(parameter=STRING), detail=STRING)
    assert told(source, version, **nothing) == {"detail": MESSAGE}


def test_what_the_document_shows_helps_where_its_schema_says_little() -> None:
    shown = {"errors": [{"text": "No.", "code": 7}, {"text": "No!", "code": 8}], "help": "https://example.org"}
    assert told({"type": "object"}, examples=[shown]) == {"errors": [{"text": MESSAGE, "code": "invalid_value"}]}


def test_names_that_stand_apart_from_the_message_are_not_taken_for_its_own() -> None:
    schema = all_of(message=STRING, account=all_of(status={"enum": ["open"]}, type=STRING, code=STRING))
    assert told(schema)["account"] == {"status": "open", "type": "string", "code": "string"}


DELTA = all_of(type={"const": "text"}, text=STRING)
FAILURE = all_of(type={"const": "error"}, message=STRING)


@pytest.mark.parametrize(
    ("events", "bodies", "expected"),
    [
        ({"oneOf": [DELTA, FAILURE]}, [], {"type": "error", "message": MESSAGE}),
        (
            {"oneOf": [DELTA, all_of(error=all_of(message=STRING, code=INTEGER))]},
            [],
            {"error": {"message": MESSAGE, "code": 500}},
        ),
        ({"oneOf": [DELTA, all_of(message=STRING)]}, [], None),
        ({"oneOf": [DELTA, all_of(message=STRING)]}, ["/components/schemas/E/oneOf/1"], {"message": MESSAGE}),
        # It would be taken for what the model says.
        (DELTA, [], None),
    ],
)
def test_in_a_stream_an_error_is_an_event_that_tells_of_failures(events: Any, bodies: list[str], expected: Any) -> None:
    shape = failing_event(samples(events), "/components/schemas/E", bodies)
    failure = Failure(500, MESSAGE, "server_error", None, None, "req_1")
    assert (shape.tell(failure, OURS) if shape else None) == expected
