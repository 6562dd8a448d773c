"""The contract itself: is it sound, is it complete, and does it hold what it says?

Here are the document and the judges that the tests of this folder share.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import jsonschema_rs
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from app.contract.document import Document
from app.contract.pointers import look_up

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "openapi" / "openapi.yaml"
# All that it is made of.
FILES = (CONTRACT, CONTRACT.with_name("responses.yaml"))
# Reference material that is not part of the project; tests that need it skip where it is absent.
SHARED = Path(__file__).parents[3] / "shared"

Json = dict[str, Any]


@cache
def contract() -> Json:
    """The document as it is served, its files put together, as plain JSON values."""
    return Document.load(CONTRACT).content


def schemas() -> Json:
    """The components that are schemas, by name."""
    found: Json = contract()["components"]["schemas"]
    return found


@cache
def _judges(pointer: str) -> tuple[jsonschema.Draft202012Validator, jsonschema_rs.Draft202012Validator]:
    reference = {"$ref": "urn:contract#" + quote(pointer, safe="/~")}
    registry: Registry[Any] = Registry().with_resource("urn:contract", DRAFT202012.create_resource(contract()))
    compiled = jsonschema_rs.Registry([("urn:contract", contract())], draft=jsonschema_rs.Draft202012)
    return (
        jsonschema.Draft202012Validator(reference, registry=registry),
        jsonschema_rs.Draft202012Validator(reference, registry=compiled),
    )


def accepts(pointer: str, value: object) -> bool:
    """Whether the schema at a JSON pointer accepts a value; both validators must say the same."""
    referee, compiled = _judges(pointer)
    verdict = referee.is_valid(value)
    assert compiled.is_valid(value) == verdict, f"the validators disagree at {pointer}"
    return verdict


def component_accepts(name: str, value: object) -> bool:
    """Whether the component schema of that name accepts a value."""
    return accepts(f"/components/schemas/{name}", value)


def properties(pointer: str) -> Iterator[tuple[str, bool]]:
    """The properties of a schema and of all that it is made of: the pointer, and whether one must be there."""
    waiting, seen = [pointer], set[str]()
    while waiting:
        at = waiting.pop()
        node = look_up(contract(), at)
        if "$ref" in node:
            at = node["$ref"][1:]
            node = look_up(contract(), at)
        if at in seen:
            continue
        seen.add(at)
        for name in node.get("properties", {}):
            yield f"{at}/properties/{name}", name in node.get("required", ())
            waiting.append(f"{at}/properties/{name}")
        for union in ("oneOf", "anyOf", "allOf"):
            waiting += [f"{at}/{union}/{index}" for index, _ in enumerate(node.get(union, ()))]
        waiting += [f"{at}/{key}" for key in ("items", "additionalProperties") if isinstance(node.get(key), dict)]
