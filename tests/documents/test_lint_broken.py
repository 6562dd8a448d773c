"""However broken a document is, the check comes to an end and names a place, and says what the server would say."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.documents.lint.check import check_document

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "servers": [{"url": "/v1", "variables": {"a": {"default": "b"}}}],
    "security": [{"Key": []}],
    "tags": [{"name": "A"}],
    "paths": {
        "/a/{x}": {
            "parameters": [{"name": "x", "in": "path", "required": True, "schema": {"type": "string"}, "example": "e"}],
            "post": {
                "operationId": "a",
                "tags": ["A"],
                "parameters": [{"$ref": "#/components/parameters/Q"}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Union"},
                            "examples": {"e": {"value": {"kind": "Branch"}}},
                        }
                    },
                },
                "responses": {
                    "200": {
                        "description": "d",
                        "headers": {"h": {"schema": {"type": "string"}}},
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {"a": {"type": "array", "items": {"type": "integer", "minimum": 1}}},
                                    "required": ["a"],
                                    "additionalProperties": False,
                                }
                            }
                        },
                    },
                    "default": {"$ref": "#/components/responses/R"},
                },
                "callbacks": {"c": {"{$url}": {"post": {"responses": {"200": {"description": "d"}}}}}},
            },
        }
    },
    "webhooks": {"w": {"post": {"responses": {"200": {"description": "d"}}}}},
    "components": {
        "securitySchemes": {"Key": {"type": "http", "scheme": "bearer"}},
        "parameters": {"Q": {"name": "q", "in": "query", "schema": {"type": "string", "enum": ["a"], "default": "a"}}},
        "responses": {"R": {"description": "d"}},
        "schemas": {
            "Union": {
                "oneOf": [{"$ref": "#/components/schemas/Branch"}],
                "discriminator": {"propertyName": "kind", "mapping": {"Branch": "#/components/schemas/Branch"}},
            },
            "Branch": {
                "type": "object",
                "properties": {"kind": {"type": "string", "pattern": "^B", "format": "commonmark", "minLength": 1}},
                "allOf": [{"type": "object"}],
                "patternProperties": {"^a": {"type": "string"}},
                "discriminator": {"propertyName": "kind"},
            },
        },
    },
}
REMOVED: Any = object()
JUNK = [None, 5, "", [], [None], {}, {"x": None}, {"$ref": "#/x"}, {"$ref": 5}, REMOVED]


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        yield (*path, key)
        yield from places(value, (*path, key))


@pytest.mark.long
@pytest.mark.parametrize("junk", JUNK, ids=["removed" if j is REMOVED else json.dumps(j) for j in JUNK])
def test_junk_at_any_place_is_told_with_a_place(tmp_path: Path, junk: Any) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(DOCUMENT))
    assert [f for f in check_document(path, lambda operation: "501").findings if f.severity != "info"] == []
    for place in places(DOCUMENT):
        broken = copy.deepcopy(DOCUMENT)
        node = broken
        for key in place[:-1]:
            node = node[key]
        if junk is REMOVED:
            del node[place[-1]]
        else:
            node[place[-1]] = junk
        path.write_text(json.dumps(broken))
        report = check_document(path, lambda operation: "501")
        # The server's own refusal, without a place, comes only where no other finding is an error.
        assert [f.message for f in report.findings if f.rule == "not-servable"] == [], place
