"""One small API, written down as OpenAPI 3.0, 3.1 and 3.2: all must lead to the same verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VERSIONS = ("3.0.3", "3.1.1", "3.2.0")


def twin(version: str) -> dict[str, Any]:
    """The document in one version."""
    new = not version.startswith("3.0")
    nullable_integer = {"type": ["integer", "null"]} if new else {"type": "integer", "nullable": True}
    file = {"contentMediaType": "application/octet-stream"} if new else {"type": "string", "format": "binary"}
    positive = {"exclusiveMinimum": 0} if new else {"minimum": 0, "exclusiveMinimum": True}
    strings = {"type": "array", "items": {"type": "string"}}
    point = {
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
        "required": ["x"],
        "additionalProperties": False,
    }
    form = {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "age": nullable_integer,
            "ok": {"type": "boolean"},
            "tags": {**strings, "maxItems": 3},
            "counts": {"type": "array", "items": {"type": "integer"}},
            "ids": {"type": "array", "items": {"type": "integer"}},
            "point": {"$ref": "#/components/schemas/Point"},
            "points": {"type": "array", "items": {"$ref": "#/components/schemas/Point"}},
            "place": {"$ref": "#/components/schemas/Point"},
        },
    }
    files = {
        "type": "object",
        "additionalProperties": False,
        "required": ["file"],
        "properties": {
            "file": file,
            "small": {"type": "string", "format": "binary", "minLength": 2, "maxLength": 10},
            "image": file,
            "several": {"type": "array", "items": file, "maxItems": 2},
            "one_or_more": {"anyOf": [{"type": "string", "format": "binary"}, {"type": "array", "items": file}]},
            "point": {"$ref": "#/components/schemas/Point"},
            "note": {"type": "string"},
            "count": {"type": "integer"},
            "tags": strings,
        },
    }

    def operation(name: str, **fields: Any) -> dict[str, Any]:
        return {"operationId": name, "tags": ["Echoes"], "responses": {"200": {"description": "ok"}}, **fields}

    def parameter(name: str, place: str, schema: Any, **fields: Any) -> dict[str, Any]:
        return {"name": name, "in": place, "required": place == "path", "schema": schema, **fields}

    def body(content: dict[str, Any], required: bool = True) -> dict[str, Any]:
        return {"required": required, "content": content}

    return {
        "openapi": version,
        "info": {"title": "Twins", "version": "1"},
        "servers": [{"url": "/api"}],
        "components": {"schemas": {"Point": point}},
        "paths": {
            "/things/{thing-id}/{ids}/{spot}": {
                "get": operation(
                    "getThing",
                    parameters=[
                        parameter("thing-id", "path", {"type": "integer", **positive}),
                        parameter("ids", "path", strings, style="label", explode=True),
                        parameter("spot", "path", {"$ref": "#/components/schemas/Point"}, style="matrix", explode=True),
                    ],
                )
            },
            "/search": {
                "get": operation(
                    "search",
                    parameters=[
                        parameter("q", "query", {"type": "string"}, required=True),
                        parameter("limit", "query", {**nullable_integer, **positive}),
                        parameter("tags", "query", strings),
                        parameter("ids", "query", {"type": "array", "items": {"type": "integer"}}, explode=False),
                        parameter("near", "query", {"$ref": "#/components/schemas/Point"}, style="deepObject"),
                        parameter("flag", "query", {"type": "boolean"}, allowEmptyValue=True),
                        {
                            "name": "filter",
                            "in": "query",
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Point"}}},
                        },
                        parameter("X-Count", "header", {"type": "integer"}),
                        parameter("X-Tags", "header", strings),
                        parameter("Accept", "header", {"type": "integer"}),
                        parameter("session", "cookie", {"type": "integer"}),
                    ],
                )
            },
            "/form": {
                "post": operation(
                    "sendForm",
                    requestBody=body(
                        {
                            "application/x-www-form-urlencoded": {
                                "schema": form,
                                "encoding": {
                                    "ids": {"style": "form", "explode": False},
                                    "place": {"style": "deepObject", "explode": True},
                                },
                            }
                        }
                    ),
                )
            },
            "/files": {
                "post": operation(
                    "sendFiles",
                    requestBody=body(
                        {
                            "multipart/form-data": {
                                "schema": files,
                                "encoding": {
                                    "image": {
                                        "contentType": "image/png, image/jpeg",
                                        "headers": {"X-Width": {"required": True, "schema": {"type": "integer"}}},
                                    }
                                },
                            }
                        }
                    ),
                )
            },
            "/any": {
                "post": operation(
                    "sendAnything",
                    requestBody=body(
                        {
                            "application/vnd.point+json; charset=utf-8": {"schema": point},
                            "text/plain": {"schema": {"type": "string", "maxLength": 5}},
                            "text/*": {"schema": {"type": "integer"}},
                            "image/*": {},
                        },
                        required=False,
                    ),
                ),
                "delete": operation("deleteAnything"),
            },
            "/answers/{kind}": {
                "get": operation(
                    "getAnswer",
                    parameters=[
                        parameter("kind", "path", {"type": "string"}),
                        parameter("kind", "query", {"type": "integer"}, required=True),
                    ],
                    responses={
                        "2XX": {
                            "description": "ok",
                            "content": {
                                "Application/*; charset=utf-8": {"schema": point},
                                "application/problem+json": {"schema": form},
                            },
                        },
                        "default": {"description": "else", "content": {"application/json": {"schema": form}}},
                    },
                )
            },
        },
    }


def write_twin(version: str, folder: Path) -> Path:
    """The document as a file."""
    path = folder / f"twin-{version}.json"
    path.write_text(json.dumps(twin(version)))
    return path
