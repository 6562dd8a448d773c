"""Schemas as grammars in GBNF, llama.cpp's own language: each text of such a grammar is JSON that obeys its schema.

The converse is not true: an object has only the named properties, in their order; white space is where models put it by
default; numbers have a sensible length.
"""

from __future__ import annotations

import functools
from typing import Any

from ....contract.schemas import compile_schema
from ....jsontypes import Json
from . import numbers, strings
from .alternatives import alternatives
from .automaton import both
from .expressions import Unsayable
from .parts import Parts, Place, kinds, listed, names_of
from .rules import Branches, Item, Ref, Rules, json_text

# The nesting depth of arrays and objects if a schema does not specify their content.
_DEEPEST = 8


def grammar_of(schema: Json) -> str | None:
    """Return the grammar of an accepted schema (`Schema.body`), or of a schema that is composed of such schemas; None:
    a grammar cannot express it, or nothing fits.

    References are relative to the nearest enclosing schema with an ``$id``, or to the outermost schema. A schema that
    is embedded in another one must have an ``$id``, with any value.
    """
    grammar = _Grammar()
    try:
        return grammar.text(Place.of(schema, schema))
    except (Unsayable, RecursionError):
        return None


class _Grammar:
    def __init__(self) -> None:
        self._rules = Rules()
        # The keys are the schemas that a value must obey. The rules of those in `_left` are still to be created.
        self._known: dict[tuple[tuple[str, int], ...], Ref] = {}
        self._left: list[tuple[Ref, tuple[Place, ...]]] = []
        self._made: dict[object, Ref] = {}

    def text(self, root: Place) -> str | None:
        first = self._value((root,))
        while self._left:
            ref, places = self._left.pop()
            branches: Branches = []
            for parts in alternatives(places):
                branches += self._branches(parts)
            self._rules.put(ref.name, list(dict.fromkeys(branches)))
        return self._rules.text(first.name)

    def _value(self, places: tuple[Place, ...]) -> Ref:
        """Return the rule for values that obey some schemas."""
        key = tuple(dict.fromkeys(place.key for place in places))
        if key not in self._known:
            self._known[key] = Ref(self._rules.reserve())
            self._left.append((self._known[key], places))
        return self._known[key]

    def _branches(self, parts: Parts) -> Branches:
        values = listed(parts)
        if values is not None:
            return [(self._rules.choice_of(map(json_text, values)),)] if values else []
        if not parts:
            return [(self._any(_DEEPEST),)]
        result: Branches = []
        for kind in kinds(parts):
            if kind == "object":
                result += self._object(parts)
            elif kind == "array":
                result += self._array(parts)
            elif kind == "string":
                result.append((self._string(parts),))
            elif kind == "boolean":
                result += [("true",), ("false",)]
            elif kind == "null":
                result.append(("null",))
            else:
                result.append((self._number(parts, integers=kind == "integer"),))
        return result

    def _any(self, depth: int) -> Ref:
        """Return the rule for any value, with arrays and objects nested up to ``depth``."""
        if depth in self._made:
            return self._made[depth]
        branches: Branches = [
            (strings.any_string(self._rules),),
            (self._number((), integers=False),),
            *(("true",), ("false",), ("null",)),
        ]
        if depth:
            inner = self._any(depth - 1)
            branches += self._members((strings.any_string(self._rules), ": ", inner))
            branches += self._elements(inner, 0, None)
        self._made[depth] = self._rules.named(branches)
        return self._made[depth]

    def _string(self, parts: Parts) -> Ref:
        schemas = [part.schema for part in parts]
        least = max((int(schema["minLength"]) for schema in schemas if "minLength" in schema), default=0)
        most = min((int(schema["maxLength"]) for schema in schemas if "maxLength" in schema), default=None)
        patterns = [schema["pattern"] for schema in schemas if "pattern" in schema]
        formats = [schema["format"] for schema in schemas if "format" in schema]
        key = (least, most, *patterns, None, *formats)
        if key not in self._made:
            nothing = most is not None and least > most
            made = None if nothing else strings.string(self._rules, least, most, patterns, formats)
            self._made[key] = made or self._rules.named([])
        return self._made[key]

    def _number(self, parts: Parts, *, integers: bool) -> Ref:
        own = [{k: v for k, v in part.schema.items() if k in numbers.KEYWORDS} for part in parts]
        key = (integers, repr([schema for schema in own if schema]))
        if key not in self._made:
            automaton = numbers.numbers(own, integers=integers)
            self._made[key] = strings.digits(self._rules, automaton)
        return self._made[key]

    def _array(self, parts: Parts) -> Branches:
        schemas = [part.schema for part in parts]
        least = max((int(schema["minItems"]) for schema in schemas if "minItems" in schema), default=0)
        most = min((int(schema["maxItems"]) for schema in schemas if "maxItems" in schema), default=None)
        if most is not None and least > most:
            return []
        count = max(len(schema.get("prefixItems", ())) for schema in schemas)
        first = [self._element(parts, index) for index in range(count if most is None else min(count, most))]
        rest = self._element(parts, count)
        if not first:
            return self._elements(rest, least, most)
        # From the last to the first: `after` is what may follow that many elements.
        more = most is None or most > count
        after: Ref = self._rules.named(
            [(*self._listed(rest, max(0, least - count), None if most is None else most - count), "]")]
            if more
            else [("]",)]
        )
        for index in range(len(first) - 1, -1, -1):
            branches: Branches = [(", " if index else "", first[index], after)]
            after = self._rules.named(branches if index < least else [*branches, ("]",)])
        return [("[", after)]

    def _element(self, parts: Parts, index: int) -> Ref:
        """Return the rule for the element of an array at an index."""
        places = []
        for part in parts:
            prefix = part.schema.get("prefixItems", ())
            if index < len(prefix):
                places.append(part.child(prefix[index]))
            elif "items" in part.schema:
                places.append(part.child(part.schema["items"]))
        return self._value_or_any(places)

    def _value_or_any(self, places: list[Place]) -> Ref:
        return self._value(tuple(places)) if places else self._any(_DEEPEST)

    def _listed(self, element: Ref, least: int, most: int | None) -> tuple[Item, ...]:
        return self._rules.repeated(self._rules.named([(", ", element)]), least, most)

    def _elements(self, element: Ref, least: int, most: int | None) -> Branches:
        """Return the branches for an array whose elements have the same rule."""
        empty: Branches = [] if least else [("[]",)]
        if most == 0:
            return empty
        more = self._listed(element, max(0, least - 1), None if most is None else most - 1)
        return [*empty, ("[", element, *more, "]")]

    def _members(self, member: tuple[Item, ...]) -> Branches:
        """Return the branches for an object with any number of members of the same rule."""
        more = self._rules.named([(", ", *member)])
        return [("{}",), ("{", *member, Ref(more.name, 0, None), "}")]

    def _object(self, parts: Parts) -> Branches:
        names = names_of(parts)
        if not names:
            return self._open_object(parts)
        required = {name for part in parts for name in part.schema.get("required", ())}
        last = max((index for index, name in enumerate(names) if name in required), default=-1)
        # From the last to the first: `after` is what may follow; `pick` selects the next of the remaining members.
        after = self._rules.named([("}",)])
        pick = nothing = self._rules.named([])
        for index in range(len(names) - 1, -1, -1):
            name = names[index]
            branches: Branches = [(json_text(name) + ": ", self._member(parts, name), after)]
            if name not in required and pick != nothing:
                branches.append((pick,))
            pick = self._rules.named(branches)
            after = self._rules.named([(", ", pick)] if index <= last else [(", ", pick), ("}",)])
        return [("{", pick)] if last >= 0 else [("{", pick), ("{}",)]

    def _member(self, parts: Parts, name: str) -> Ref:
        """Return the rule for the value of a property."""
        places: list[Place] = []
        for part in parts:
            found = [part.schema["properties"][name]] if name in part.schema.get("properties", {}) else []
            patterns = part.schema.get("patternProperties", {})
            found += [schema for pattern, schema in patterns.items() if _is_found(pattern, name)]
            if not found and "additionalProperties" in part.schema:
                found = [part.schema["additionalProperties"]]
            places += map(part.child, found)
        return self._value_or_any(places)

    def _open_object(self, parts: Parts) -> Branches:
        """Return the branches for an object without named properties."""
        more = "additionalProperties"
        rest = [part.child(part.schema[more]) for part in parts if more in part.schema]
        patterns = [(part, part.schema["patternProperties"]) for part in parts if part.schema.get("patternProperties")]
        if not patterns:
            return self._members((strings.any_string(self._rules), ": ", self._value_or_any(rest)))
        if len(patterns) > 1 or len(parts) > 1:
            raise Unsayable
        ((part, schemas),) = patterns
        automata = {pattern: strings.strings(0, None, [pattern], []) for pattern in schemas}
        members: Branches = []
        for index, (pattern, schema) in enumerate(schemas.items()):
            if any(not both(automata[pattern], automata[other]).is_empty for other in [*schemas][:index]):
                raise Unsayable
            name = strings.string(self._rules, 0, None, [pattern], [])
            members.append((name, ": ", self._value((part.child(schema),))))
        return self._members((self._rules.named(members),))


@functools.lru_cache(maxsize=256)
def _pattern(pattern: str) -> Any:
    return compile_schema({"pattern": pattern})


def _is_found(pattern: str, name: str) -> bool:
    return bool(_pattern(pattern).is_valid(name))
