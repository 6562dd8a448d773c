"""The objects of OpenAPI 3.1, and in which of their fields others stand (OpenAPI 3.1.1, section 4)."""

from __future__ import annotations

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# The kinds of objects that are no schemas, and of each the fields that hold others. A kind in braces: a map from names
# to such; in brackets: a list of such. What is not listed is data.
FIELDS: dict[str, dict[str, str]] = {
    "document": {"paths": "{path item}", "components": "components"},
    "components": {
        "schemas": "{schema}",
        "responses": "{response}",
        "parameters": "{parameter}",
        "requestBodies": "{request body}",
        "headers": "{header}",
        "callbacks": "{callback}",
        "examples": "{example}",
        "links": "{link}",
        "securitySchemes": "{security scheme}",
    },
    "path item": {"parameters": "[parameter]", **dict.fromkeys(METHODS, "operation")},
    "operation": {
        "parameters": "[parameter]",
        "requestBody": "request body",
        "responses": "{response}",
        "callbacks": "{callback}",
    },
    "parameter": {"schema": "schema", "content": "{media type}", "examples": "{example}"},
    "header": {"schema": "schema", "content": "{media type}", "examples": "{example}"},
    "request body": {"content": "{media type}"},
    "response": {"headers": "{header}", "content": "{media type}", "links": "{link}"},
    "media type": {"schema": "schema", "examples": "{example}", "encoding": "{encoding}"},
    "encoding": {"headers": "{header}"},
    "callback": {},  # a map of path items itself
    "example": {},
    "link": {},
    "security scheme": {},
}

# Where a component of a kind stands.
SECTIONS = {
    kind[1:-1]: section for section, kind in FIELDS["components"].items() if kind[1:-1] not in ("security scheme",)
}
