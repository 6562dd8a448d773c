"""Turns violated rules into one message, path and code that a client can act on.

For a union, a validator reports "no branch matches" at the path of the union. But the caller meant one branch: the one
whose tag (a property with fixed values, such as ``role`` or ``type``) matches. The fault inside that branch is
reported. Messages state the rule and the type of the value found, never the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import BadRequest
from .faults import Fault, Validator
from .piecewise import TooManySteps, follow
from .pointers import JsonPath
from .shrink import Shrunken

# A client may send names of any length; they are truncated when quoted in a message.
_LONGEST_NAME = 64
_LONGEST_PATH = 300
# How many times a cut that caused a fault itself is undone.
_MOST_TRIES = 4
# Faults that may be caused by cutting the instance.
_FAULTS_OF_CUTTING = frozenset(
    {"required", "minItems", "minProperties", "minLength", "contains", "pattern", "format", "enum", "const", "not"}
)


def check(validator: Validator, instance: object, *, at: JsonPath = ()) -> None:
    """Validate an instance.

    ``at`` is prepended to the path, for a value that is a part of what the client sent.

    Raises:
        BadRequest: the instance violates a rule; ``param`` is the path of the invalid part.
    """
    if not validator.is_valid(instance):
        raise explain(validator, instance, at=at)


def explain(validator: Validator, instance: object, *, at: JsonPath = (), place: str = "") -> BadRequest:
    """Return an error that describes an invalid instance. ``place`` follows the path, such as " in the query"."""
    fault, found = find_fault(validator, instance)
    path = fault.path
    if fault.keyword == "required":
        path = (*path, str(fault.value))
    elif fault.keyword in ("additionalProperties", "unevaluatedProperties") and fault.value:
        path = (*path, str(fault.value[0]))
    message, code = _describe(fault, found)
    param = path_text((*at, *path))
    where = f" '{param}'{place}" if param else " the request body"
    return BadRequest(message.replace("{where}", where, 1), param=param, code=code)


def find_fault(validator: Validator, instance: object) -> tuple[Fault, Any]:
    """Return the most relevant fault of an invalid instance, with its path in the instance, and the value there. A
    fault without a keyword means that the fault is somewhere at or below the path, but locating it takes too long."""
    keep: frozenset[JsonPath] = frozenset()
    for _ in range(_MOST_TRIES):
        shrunken = Shrunken(validator.is_valid, instance, keep)
        try:
            faults = list(validator.faults(shrunken.instance))
            if not faults:  # such as for a schema that refers to itself for the same value: its pieces are circular
                raise TooManySteps
            fault = _narrow(_first(faults))
        except TooManySteps:
            path, found = shrunken.culprit()
            return Fault("", None, shrunken.original(path)), found
        path, found = follow(shrunken.instance, fault.path)
        if path not in shrunken.cut or fault.keyword not in _FAULTS_OF_CUTTING:
            return Fault(fault.keyword, fault.value, shrunken.original(path)), found
        keep |= {path}
    return Fault("", None, ()), instance


def path_text(path: Sequence[str | int]) -> str | None:
    """Return a path as text, such as ``messages[1].content[0].type``; None for the root."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if len(part) <= _LONGEST_NAME else part[:_LONGEST_NAME] + "…"
            text += f".{name}" if text and name else name or "['']"
    return (text if len(text) <= _LONGEST_PATH else text[:_LONGEST_PATH] + "…") or None


def _first(faults: list[Fault]) -> Fault:
    """Return the first fault by rank: unknown and missing fields of the body come before anything inside it."""

    def rank(fault: Fault) -> tuple[int, int]:
        order = {"additionalProperties": 0, "unevaluatedProperties": 0, "required": 1}
        return (len(fault.path) > 0, order.get(fault.keyword, 2))

    return min(faults, key=rank)


def _narrow(fault: Fault) -> Fault:
    """Descend into the union branch that the caller meant, as far as that is certain."""
    # A branch without faults matches: then more than one branch does, and the fault is that of the union.
    while fault.branches and all(fault.branches):
        depth = len(fault.path)
        live = [b for b in fault.branches if not any(_is_type_fault(f, depth) for f in b)]
        if not live:
            return Fault("type", list(dict.fromkeys(_types(fault))), fault.path)
        for tag in ("type", "role"):
            # An object without the tag belongs to the branches that do not require the tag, if there are any.
            live = [b for b in live if not any(_misses(f, tag, depth) for f in b)] or live
        fitting = [b for b in live if not any(_is_tag_fault(f, depth) for f in b)]
        if not fitting:
            return _wrong_tag(live, depth)
        if len(live) > 1 and (missing := _missing_tag(live, depth)):
            return missing
        branch = min(fitting, key=lambda b: (-max(len(f.path) for f in b), len(b)))
        fault = max(branch, key=lambda f: (len(f.path), f.keyword == "required", bool(f.branches)))
    return fault


def _is_type_fault(fault: Fault, depth: int) -> bool:
    """Whether the instance itself has the wrong type; for a union, the wrong type for every branch."""
    if len(fault.path) != depth:
        return False
    if fault.branches:
        return all(any(_is_type_fault(f, depth) for f in branch) for branch in fault.branches)
    return fault.keyword == "type"


def _is_tag_fault(fault: Fault, depth: int) -> bool:
    return fault.keyword in ("enum", "const") and len(fault.path) in (depth, depth + 1)


def _misses(fault: Fault, name: str, depth: int) -> bool:
    return fault.keyword == "required" and fault.value == name and len(fault.path) == depth


def _allowed(fault: Fault) -> list[Any]:
    return list(fault.value) if fault.keyword == "enum" else [fault.value]


def _types(fault: Fault) -> list[str]:
    if fault.branches:
        depth = len(fault.path)
        return [t for b in fault.branches for f in b if _is_type_fault(f, depth) for t in _types(f)]
    return [fault.value] if isinstance(fault.value, str) else list(fault.value)


def _wrong_tag(branches: list[tuple[Fault, ...]], depth: int) -> Fault:
    """Return the fault for a tag that no branch has: it lists the allowed tags of all branches."""
    tags = [fault for branch in branches for fault in branch if _is_tag_fault(fault, depth)]
    path = max((tag.path for tag in tags), key=len)
    allowed = [value for tag in tags if tag.path == path for value in _allowed(tag)]
    return Fault("enum", list(dict.fromkeys(allowed)), path)


def _missing_tag(branches: list[tuple[Fault, ...]], depth: int) -> Fault | None:
    """Return the fault if all branches miss the same property, such as for a message without a role; else None."""
    missing = [{f.value for f in branch if f.keyword == "required" and len(f.path) == depth} for branch in branches]
    shared = set.intersection(*missing)
    if not shared:
        return None
    return next(
        (
            f
            for name in ("role", "type", *sorted(shared, key=str))
            for f in branches[0]
            if f.keyword == "required" and f.value == name and name in shared and len(f.path) == depth
        ),
        None,
    )


_ARTICLES = {
    "null": "null",
    "boolean": "a boolean",
    "integer": "an integer",
    "number": "a number",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}


def _kind(value: Any) -> str:
    for kinds, name in (
        (type(None), "null"),
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
    ):
        if isinstance(value, kinds):
            return _ARTICLES[name]
    return _ARTICLES["object"]


def _listed(values: Iterable[Any], last: str = "or") -> str:
    texts = [repr(value) if isinstance(value, str) else "null" if value is None else str(value) for value in values]
    return ", ".join(texts[:-1]) + f" {last} {texts[-1]}" if len(texts) > 1 else "".join(texts)


_LIMITS = {
    "minimum": ("at least {0}", "below_min_value"),
    "maximum": ("at most {0}", "above_max_value"),
    "exclusiveMinimum": ("greater than {0}", "below_min_value"),
    "exclusiveMaximum": ("less than {0}", "above_max_value"),
    "multipleOf": ("a multiple of {0}", "invalid_value"),
    "minLength": ("a string of at least {0} characters", "string_below_min_length"),
    "maxLength": ("a string of at most {0} characters", "string_above_max_length"),
    "minItems": ("an array of at least {0} items", "array_below_min_length"),
    "maxItems": ("an array of at most {0} items", "array_above_max_length"),
    "minProperties": ("an object of at least {0} properties", "object_below_min_properties"),
    "maxProperties": ("an object of at most {0} properties", "object_above_max_properties"),
}


def _describe(fault: Fault, found: object) -> tuple[str, str]:
    """Return the message, with ``{where}`` as the placeholder for the path, and the error code."""
    keyword, value = fault.keyword, fault.value
    if not keyword:
        return "Invalid value for{where}: it, or a value inside it, does not fit the contract.", "invalid_value"
    if keyword == "required":
        return "Missing required parameter:{where}.", "missing_required_parameter"
    if keyword in ("additionalProperties", "unevaluatedProperties"):
        return "Unknown parameter:{where}.", "unknown_parameter"
    if keyword == "type":
        expected = [_ARTICLES.get(name, name) for name in _types(fault)]
        wanted = (
            ", ".join(expected[:-1]) + f" or {expected[-1]}" if len(expected) > 1 else "".join(expected) or "nothing"
        )
        return (
            f"Invalid type for{{where}}: expected {wanted}, but got {_kind(found)} instead.",
            "invalid_type",
        )
    if keyword in ("enum", "const"):
        return f"Invalid value for{{where}}: expected {_listed(_allowed(fault))}.", "invalid_value"
    if keyword in _LIMITS:
        rule, code = _LIMITS[keyword]
        if keyword.endswith("imum"):
            code = ("integer_" if isinstance(found, int) else "decimal_") + code
        return f"Invalid value for{{where}}: expected {rule.format(value)}.", code
    if keyword == "pattern":
        rule = str(value).replace(r"\Z", "$")
        return f"Invalid value for{{where}}: expected a string that matches {rule}.", "invalid_value"
    if keyword == "format":
        return f"Invalid value for{{where}}: expected the format {value}.", "invalid_value"
    if keyword == "falseSchema" or (keyword == "not" and value == {}):
        return "Unknown parameter:{where} is not accepted here; leave it out.", "unknown_parameter"
    if keyword == "propertyNames":
        return "Invalid name of a property in{where}.", "invalid_property_name"
    if keyword == "uniqueItems":
        return "Invalid value for{where}: the items must differ from each other.", "invalid_value"
    if keyword == "oneOf":
        return (
            "Invalid value for{where}: it fits more than one of several alternatives, and must fit exactly one.",
            "invalid_value",
        )
    return f"Invalid value for{{where}}: it breaks the rule '{keyword}' of the contract.", "invalid_value"
