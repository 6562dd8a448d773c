"""The objects of OpenAPI 3.1, and which of their fields contain other objects (OpenAPI 3.1.1, section 4)."""

from __future__ import annotations

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# The kinds of objects other than schemas, and for each the fields that contain other objects. A kind in braces is a map
# from names to such objects; in brackets, a list of them. Fields that are not listed are data.
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

# The section of the components for each kind.
SECTIONS = {
    kind[1:-1]: section for section, kind in FIELDS["components"].items() if kind[1:-1] not in ("security scheme",)
}
