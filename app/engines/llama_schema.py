"""JSON schemas that clients send: bounded, understood, and turned into grammars for llama.cpp.

llama.cpp's own conversion accepts any text where it does not understand a keyword, and hangs on a pattern with nested
repetitions. LLGuidance, which it also has, refuses what it cannot do; but llama.cpp then answers without any
constraint. So a schema is checked here for what is known to fail, the engine tries its grammar on a single token, and
every answer is checked again.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ..errors import BadRequest
from .base import Json

try:
    import jsonschema_rs
except ImportError:  # pragma: no cover - where it has no wheel
    jsonschema_rs = None  # type: ignore[assignment]

LARGEST = 100_000  # characters as JSON
DEEPEST = 32  # schemas within schemas
DEEPEST_VALUE = 100  # arrays and objects within each other
MOST_NODES = 5_000
MOST_VALUES = 1_000  # of all enums
LONGEST_PATTERN = 512
LARGEST_COUNT = 10_000

FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")

# What LLGuidance does not do, or what would make a reference mean something else.
REFUSED = frozenset(
    {
        "not",
        "if",
        "then",
        "else",
        "contains",
        "minContains",
        "maxContains",
        "uniqueItems",
        "additionalItems",
        "unevaluatedItems",
        "unevaluatedProperties",
        "minProperties",
        "maxProperties",
        "propertyNames",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "$id",
        "$anchor",
        "$dynamicAnchor",
        "$dynamicRef",
        "$recursiveAnchor",
        "$recursiveRef",
        "$vocabulary",
        "x-guidance",
    }
)
_ONE = ("additionalProperties", "items")
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
# Groups that look around or are referred to, and bounds of words.
_NOT_REGULAR = re.compile(r"\(\?(?:[=!]|<[=!]|P?[<=>])|\\[bBkGAzZ1-9]")
_REPEAT = re.compile(r"\{(\d*)(?:,(\d*))?\}")

# As models write JSON unasked; free white space would let a weak model write nothing else.
_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "coerce_one_of": True}


class Schema:
    """A schema that was accepted. ``body`` is what grammars are made of, ``param`` leads to it in the request,
    ``size`` is in characters.

    Raises:
        BadRequest: it is no JSON schema, beyond a limit, or has a keyword that the engine cannot obey.
    """

    def __init__(self, schema: Any, param: str) -> None:
        self.param = param
        self.size = len(_measure(schema, param))
        walk = _Walk(schema, param)
        walk.visit(schema, "", 1)
        walk.refuse_references()
        clean = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
        try:
            self._is_valid: Any = _validator(clean)
        except Exception:  # each library has its own, and some have several
            raise _fault(param, "it is not a valid JSON schema of draft 2020-12") from None
        self.body: Json = _without_neutral(clean)
        if _may_be_closed(clean):
            self.body = _closed(self.body)

    def fits(self, text: str) -> bool:
        """Whether a text is JSON that obeys the schema."""
        try:
            return bool(self._is_valid(read(text)))
        except (ValueError, RecursionError):
            return False

    def moved(self, pointer: str) -> Json:
        """The body with references that hold when it stands at ``pointer`` of another schema."""
        moved = _moved(self.body, pointer)
        assert isinstance(moved, dict)
        return moved


def accepted(schema: Any, param: str) -> Schema:
    """As `Schema`; one that comes again, as with each choice of a request, is not read again."""
    return _accepted(_measure(schema, param), param)


@functools.lru_cache(maxsize=512)
def _accepted(text: str, param: str) -> Schema:
    return Schema(json.loads(text), param)


def grammar(body: Json) -> str:
    """llama.cpp's grammar for JSON that obeys a schema."""
    return "%llguidance {}\nstart: %json " + _json(body)


# What a grammar that works makes of nothing: a character that no model says unasked.
PROOF = "\x06"


def trial(body: Json) -> str:
    """A grammar whose one first token is `PROOF`, when llama.cpp understands it."""
    return '%llguidance {}\nstart: "\\u0006" %json ' + _json(body)


def read(text: str) -> Any:
    """A JSON text's value; NaN and infinities are no JSON."""
    return json.loads(text, parse_constant=_no_constant)


def refuse_trial(param: str) -> BadRequest:
    """The error for a schema whose trial failed."""
    return _fault(param, "no JSON can fit it, it is too complex, or a pattern in it is one that the engine cannot obey")


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _json(body: Json) -> str:
    return json.dumps({**body, "x-guidance": _STYLE}, ensure_ascii=True)


def _fault(param: str, reason: str, path: str = "") -> BadRequest:
    return BadRequest(f"The schema cannot be used: {reason}.", param=param + path, code="invalid_value")


def _measure(schema: Any, param: str) -> str:
    """The schema as JSON; one that is too large is refused before anything recurses into it."""
    if not isinstance(schema, dict):
        raise _fault(param, "it must be an object")
    nodes = 0
    level: list[Any] = [schema]
    for _ in range(DEEPEST_VALUE):
        nodes += len(level)
        if nodes > MOST_NODES:
            raise _fault(param, f"it may have at most {MOST_NODES} values")
        level = [child for value in level for child in _children(value)]
        if not level:
            break
    else:
        raise _fault(param, f"it may be at most {DEEPEST_VALUE} levels deep")
    text = json.dumps(schema, ensure_ascii=False)
    if len(text) > LARGEST:
        raise _fault(param, f"it may be at most {LARGEST} characters long")
    return text


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


class _Walk:
    """Visits each schema of a schema once and refuses what cannot be obeyed."""

    def __init__(self, root: Json, param: str) -> None:
        self._root = root
        self._param = param
        self._values = 0
        self._seen: set[int] = set()
        self._references: list[tuple[Json, str]] = []

    def visit(self, schema: Any, path: str, depth: int) -> None:
        if isinstance(schema, bool):
            return
        self._seen.add(id(schema))
        if not isinstance(schema, dict):
            raise _fault(self._param, "a schema must be an object or a boolean", path)
        if depth > DEEPEST:
            raise _fault(self._param, f"schemas may be at most {DEEPEST} deep in each other", path)
        self._refuse_keywords(schema, path)
        self._refuse_values(schema, path)
        for key in _ONE:
            if key in schema:
                if isinstance(schema[key], list):
                    raise _fault(self._param, f"{key} must be one schema; use prefixItems for a list", f"{path}.{key}")
                self.visit(schema[key], f"{path}.{key}", depth + 1)
        for key in _MANY:
            if isinstance(schema.get(key), list):
                for index, child in enumerate(schema[key]):
                    self.visit(child, f"{path}.{key}[{index}]", depth + 1)
        for key in _NAMED:
            if isinstance(schema.get(key), dict):
                for name, child in schema[key].items():
                    self.visit(child, f"{path}.{key}.{_shown(name)}", depth + 1)

    def _refuse_keywords(self, schema: Json, path: str) -> None:
        for key in schema:
            neutral = (key == "uniqueItems" and schema[key] is False) or (key == "$id" and not path)
            if key in REFUSED and not neutral:
                raise _fault(self._param, f"the keyword {key} is not supported", f"{path}.{key}")

    def _refuse_values(self, schema: Json, path: str) -> None:
        if isinstance(schema.get("enum"), list):
            self._values += len(schema["enum"])
            if self._values > MOST_VALUES:
                raise _fault(self._param, f"all enums together may have at most {MOST_VALUES} values", f"{path}.enum")
        for key in _COUNTS:
            value = schema.get(key)
            if isinstance(value, int | float) and value > LARGEST_COUNT:
                raise _fault(self._param, f"{key} may be at most {LARGEST_COUNT}", f"{path}.{key}")
        self._refuse_pattern(schema.get("pattern"), f"{path}.pattern")
        if isinstance(schema.get("patternProperties"), dict):
            for pattern in schema["patternProperties"]:
                self._refuse_pattern(pattern, f"{path}.patternProperties")
        form = schema.get("format")
        if isinstance(form, str) and form not in FORMATS:
            raise _fault(self._param, f"format must be one of {', '.join(FORMATS)}", f"{path}.format")
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if not isinstance(self._resolve(reference), dict | bool):
                reason = "$ref must be a pointer into the same schema, such as #/$defs/a"
                raise _fault(self._param, reason, f"{path}.$ref")
            self._references.append((schema, f"{path}.$ref"))

    def refuse_references(self) -> None:
        """Refuse references to what is no schema, and such that lead back to themselves before any part of a value is
        described."""
        done: set[int] = set()
        for start, path in self._references:
            target = self._resolve(start["$ref"])
            if isinstance(target, dict) and id(target) not in self._seen:
                raise _fault(self._param, "$ref leads to something that is not in the place of a schema", path)
            trail: list[tuple[Json, Iterator[Any]]] = []
            on_trail: set[int] = set()
            following: Any = start
            while True:
                if isinstance(following, dict) and id(following) in on_trail:
                    raise _fault(self._param, "its references go round in a circle", path)
                if isinstance(following, dict) and id(following) not in done:
                    trail.append((following, self._same_value(following)))
                    on_trail.add(id(following))
                while trail and (following := next(trail[-1][1], None)) is None:
                    ended = id(trail.pop()[0])
                    on_trail.discard(ended)
                    done.add(ended)
                if not trail:
                    break

    def _same_value(self, schema: Json) -> Iterator[Any]:
        """The schemas that describe the same value as a schema."""
        if isinstance(schema.get("$ref"), str):
            yield self._resolve(schema["$ref"])
        for key in ("allOf", "anyOf", "oneOf"):
            if isinstance(schema.get(key), list):
                yield from schema[key]

    def _refuse_pattern(self, pattern: Any, path: str) -> None:
        if not isinstance(pattern, str):
            return
        if len(pattern) > LONGEST_PATTERN:
            raise _fault(self._param, f"a pattern may be at most {LONGEST_PATTERN} characters long", path)
        if _NOT_REGULAR.search(pattern.replace("\\\\", "")):
            raise _fault(self._param, "a pattern cannot look around, refer back or ask for the bound of a word", path)
        for counts in _REPEAT.finditer(pattern):
            if any(len(count) > 9 or int(count) > LARGEST_COUNT for count in counts.groups() if count):
                raise _fault(self._param, f"a pattern may repeat at most {LARGEST_COUNT} times", path)

    def _resolve(self, reference: str) -> Any:
        """What a reference leads to in this schema, or None."""
        if reference != "#" and not reference.startswith("#/"):
            return None
        found: Any = self._root
        for raw in reference.split("/")[1:]:
            step = unquote(raw).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict):
                found = found.get(step)
            elif isinstance(found, list) and re.fullmatch("0|[1-9][0-9]{0,3}", step) and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        return found


def _shown(name: str) -> str:
    return name if re.fullmatch(r"[\w-]{1,64}", name, re.ASCII) else "*"


def _validator(schema: Json) -> Any:
    if jsonschema_rs is not None:
        return jsonschema_rs.Draft202012Validator(schema).is_valid
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid


def _without_neutral(schema: Any) -> Any:
    """The schema without keywords that say nothing but that LLGuidance refuses."""
    return _mapped(schema, lambda found: {key: value for key, value in found.items() if key != "uniqueItems"})


def _may_be_closed(schema: Json) -> bool:
    """Whether properties that an object does not name can be left out: nothing combines schemas of one object."""
    return not any("allOf" in found or ("$ref" in found and "properties" in found) for found in _schemas(schema))


def _closed(schema: Any) -> Any:
    """A narrower schema, in which objects have none but the properties named: weak models would never end."""

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
        for key in _ONE:
            yield from _schemas(schema.get(key))
        for key in _MANY:
            for child in schema.get(key) or ():
                yield from _schemas(child)
        for key in _NAMED:
            for child in (schema.get(key) or {}).values():
                yield from _schemas(child)


def _mapped(schema: Any, change: Any) -> Any:
    """The schema with each schema in it changed."""
    if not isinstance(schema, dict):
        return schema
    result = dict(schema)
    for key in _ONE:
        if key in result:
            result[key] = _mapped(result[key], change)
    for key in _MANY:
        if key in result:
            result[key] = [_mapped(child, change) for child in result[key]]
    for key in _NAMED:
        if key in result:
            result[key] = {name: _mapped(child, change) for name, child in result[key].items()}
    return change(result)


_BOUNDS = frozenset({"pattern", "format", "minLength", "maxLength", "minItems", "maxItems", "multipleOf"})
_MOST_PROPERTIES = 64


def loose(schema: Schema) -> Json:
    """A wider schema, without what llama.cpp's own conversion cannot do or what makes it very slow."""

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
    for key in _MANY:
        yield from found.get(key) or ()
    for key in _NAMED:
        yield from (found.get(key) or {}).values()


def _moved(schema: Json, pointer: str) -> Any:
    def move(found: Json) -> Json:
        reference = found.get("$ref")
        return {**found, "$ref": f"#{pointer}{reference[1:]}"} if isinstance(reference, str) else found

    return _mapped(schema, move)
