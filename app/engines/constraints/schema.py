"""JSON schemas that clients send: limited, validated, and converted to grammars for llama.cpp.

llama.cpp's own conversion accepts any text for a keyword that it does not understand, and hangs on a pattern with
nested repetitions. LLGuidance, which it also has, refuses what it does not support, but llama.cpp then answers without
any constraint. So a schema is checked for everything that is known to fail (`llama_limits`), the engine tries its
grammar on a single token, and every answer is validated again.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from ...contract.schemas import compile_schema
from ...jsontypes import Json
from .checker import Checker, TooManySteps
from .limits import MANY, NAMED, ONE, Walk, fault, measure

# The style in which models write JSON by default. Free white space would let a weak model write nothing else.
_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "coerce_one_of": True}


class Schema:
    """A schema that was accepted. ``body`` is the schema for grammars, ``param`` is its path in the request, ``size``
    is in characters, ``weight`` is the weight of its patterns.

    Raises:
        BadRequest: it is not a JSON schema, exceeds a limit, or has a keyword that the engine cannot obey.
    """

    def __init__(self, schema: Any, param: str) -> None:
        self.param = param
        self.size = len(measure(schema, param))
        walk = Walk(schema, param)
        walk.visit(schema, "", 1)
        walk.refuse_references()
        walk.refuse_branches()
        self.weight = walk.patterns.weight
        clean = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
        try:
            compile_schema(clean)
        except Exception:  # each library has its own exceptions, and some have several
            raise fault(param, "it is not a valid JSON schema of draft 2020-12") from None
        self._checker = Checker(clean)
        self.body: Json = _without_neutral(clean)
        if _may_be_closed(clean):
            self.body = _closed(self.body)

    def fits(self, text: str) -> bool:
        """Return whether a text is JSON that obeys the schema; False if the validation would take too long."""
        try:
            return self._checker.fits(read(text))
        except (ValueError, RecursionError, TooManySteps):
            return False

    def breaks(self, value: object) -> bool:
        """Return whether a value certainly violates the schema; False if the validation would take too long."""
        try:
            return not self._checker.fits(value)
        except TooManySteps:
            return False


def accepted(schema: Any, param: str) -> Schema:
    """As `Schema`, cached: a schema that is used repeatedly, as with each choice of a request, is read once."""
    text = measure(schema, param)
    return _accepted(text, param) if len(text) <= _SMALL else Schema(schema, param)


# Larger schemas are not cached, because their compiled form can be large too.
_SMALL = 4_000


@functools.lru_cache(maxsize=64)
def _accepted(text: str, param: str) -> Schema:
    return Schema(json.loads(text), param)


def as_rule(body: Json) -> str:
    """Return LLGuidance's Lark for JSON that obeys a schema."""
    return "%json " + json.dumps({**body, "x-guidance": _STYLE}, ensure_ascii=True)


def read(text: str) -> Any:
    """Return the value of a JSON text. NaN and infinities are not JSON."""
    return json.loads(text, parse_constant=_no_constant)


def read_first(text: str, place: int) -> tuple[Any, int]:
    """Return the value of the JSON that begins at a position in a text, and the position where it ends."""
    return json.JSONDecoder(parse_constant=_no_constant).raw_decode(text, place)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _without_neutral(schema: Any) -> Any:
    """Return the schema without keywords that have no effect, but that LLGuidance refuses."""
    return _mapped(schema, lambda found: {key: value for key, value in found.items() if key != "uniqueItems"})


def _may_be_closed(schema: Json) -> bool:
    """Return whether properties that an object schema does not name can be forbidden. They can if nothing combines
    several schemas for one object."""
    return not any("allOf" in found or ("$ref" in found and "properties" in found) for found in _schemas(schema))


def _closed(schema: Any) -> Any:
    """Return a narrower schema, in which objects have only the named properties. Otherwise, weak models would never
    end."""

    def close(found: Json) -> Json:
        names = found.get("properties")
        if (
            not isinstance(names, dict)
            or any(key in found for key in ("additionalProperties", "patternProperties"))
            or any(key in found for key in ("anyOf", "oneOf", "$ref"))
            or not set(found.get("required") or ()) <= names.keys()
        ):
            return found
        return {**found, "additionalProperties": False}

    if any("properties" in found and ("anyOf" in found or "oneOf" in found) for found in _schemas(schema)):
        return schema
    return _mapped(schema, close)


def _schemas(schema: Any) -> Iterator[Json]:
    if isinstance(schema, dict):
        yield schema
        for key in ONE:
            yield from _schemas(schema.get(key))
        for key in MANY:
            for child in schema.get(key) or ():
                yield from _schemas(child)
        for key in NAMED:
            for child in (schema.get(key) or {}).values():
                yield from _schemas(child)


def _mapped(schema: Any, change: Any) -> Any:
    """Return the schema with each schema in it changed."""
    if not isinstance(schema, dict):
        return schema
    result = dict(schema)
    for key in ONE:
        if key in result:
            result[key] = _mapped(result[key], change)
    for key in MANY:
        if key in result:
            result[key] = [_mapped(child, change) for child in result[key]]
    for key in NAMED:
        if key in result:
            result[key] = {name: _mapped(child, change) for name, child in result[key].items()}
    return change(result)


_BOUNDS = frozenset({"pattern", "format", "minLength", "maxLength", "minItems", "maxItems", "multipleOf"})
_MOST_PROPERTIES = 64


def loose(schema: Schema) -> Json:
    """Return a wider schema, without what llama.cpp's own conversion does not support and without what makes it very
    slow."""

    def loosen(found: Json) -> Json:
        if len(found.get("properties") or ()) > _MOST_PROPERTIES or "patternProperties" in found:
            return {"type": "object"}
        return {key: value for key, value in found.items() if key not in _BOUNDS}

    if any(isinstance(child, bool) for found in _schemas(schema.body) for child in _children_of(found)) or any(
        "allOf" in found or "$ref" in found for found in _schemas(schema.body)
    ):
        return {"type": "object"}
    loosened: Json = _mapped(schema.body, loosen)
    return loosened


def _children_of(found: Json) -> Iterator[Any]:
    if "items" in found:
        yield found["items"]
    for key in MANY:
        yield from found.get(key) or ()
    for key in NAMED:
        yield from (found.get(key) or {}).values()
