"""Generates instances of standalone schemas, outside of any document."""

from __future__ import annotations

from typing import Any

from ...contract.document import Document
from ...contract.schemas import Schemas
from ...contract.structure import transform
from ...jsontypes import Json
from .samples import Samples

_POINTER = "/components/schemas/Schema"


def instance(schema: Any) -> Any:
    """Return a small, plain value that is valid under a schema of JSON Schema 2020-12, the same each time. References
    in the schema are to places in it. The search takes up to some seconds.

    Raises:
        NoInstance: none was found.
        ConfigurationError: the schema cannot be compiled.
    """

    def place(node: Json) -> Json:
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith("#"):
            return {**node, "$ref": f"#{_POINTER}{reference[1:]}"}
        return node

    placed = transform(schema, place)
    document = Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"Schema": placed}}})
    return Samples(Schemas(document)).sample(_POINTER)
