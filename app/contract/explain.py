"""From broken rules to the one message, path and code that a client can act on.

Schemas of unions say "none of the branches fits" at the place of the union. A caller meant one branch: the one whose
tag (a property with fixed values, such as ``role`` or ``type``) fits, and the fault inside it is the one to tell.
Messages tell the rule and the kind of value found, never the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import BadRequest
from .faults import Fault, Validator
from .piecewise import TooManySteps, follow
from .pointers import JsonPath
from .shrink import Shrunken

# A client may send names of any length; what is quoted back stays readable.
_LONGEST_NAME = 64
_LONGEST_PATH = 300
# How often a cut that made a fault of its own is taken back.
_MOST_TRIES = 4
# Faults that may be there only because something was cut away.
_FAULTS_OF_CUTTING = frozenset(
    {"required", "minItems", "minProperties", "minLength", "contains", "pattern", "format", "enum", "const", "not"}
)


def check(validator: Validator, instance: object, *, at: JsonPath = ()) -> None:
    """Do nothing when the instance is valid.

    ``at`` is put before the path, for a value that is a part of what the client sent.

    Raises:
        BadRequest: the instance breaks a rule; ``param`` is the path of the culprit.
    """
    if not validator.is_valid(instance):
        raise explain(validator, instance, at=at)


def explain(validator: Validator, instance: object, *, at: JsonPath = (), place: str = "") -> BadRequest:
    """What is wrong with an invalid instance, as an error. ``place`` follows the path, such as " in the query"."""
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
    """The most telling fault of an invalid instance, with its path in it, and what is there. One without a keyword is
    anywhere in there: to tell more would take too long."""
    keep: frozenset[JsonPath] = frozenset()
    for _ in range(_MOST_TRIES):
        shrunken = Shrunken(validator.is_valid, instance, keep)
        try:
            faults = list(validator.faults(shrunken.instance))
            if not faults:  # as under a schema that refers to itself for the same value: each piece waits for another
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
    """``messages[1].content[0].type`` from the keys and indices that lead there; None for the whole."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if len(part) <= _LONGEST_NAME else part[:_LONGEST_NAME] + "…"
            text += f".{name}" if text and name else name or "['']"
    return (text if len(text) <= _LONGEST_PATH else text[:_LONGEST_PATH] + "…") or None


def _first(faults: list[Fault]) -> Fault:
    """Unknown and missing fields of the body before anything inside it."""

    def rank(fault: Fault) -> tuple[int, int]:
        order = {"additionalProperties": 0, "unevaluatedProperties": 0, "required": 1}
        return (len(fault.path) > 0, order.get(fault.keyword, 2))

    return min(faults, key=rank)


def _narrow(fault: Fault) -> Fault:
    """Go down into the branch of a union that the caller meant, as far as that is certain."""
    # A branch without a fault fits: then the union is at fault, which allows only one that does.
    while fault.branches and all(fault.branches):
        depth = len(fault.path)
        live = [b for b in fault.branches if not any(_is_type_fault(f, depth) for f in b)]
        if not live:
            return Fault("type", list(dict.fromkeys(_types(fault))), fault.path)
        for tag in ("type", "role"):
            # Without its tag an object is of the branches, if there are some, that may go without.
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
    """Whether the instance is of the wrong type altogether, for a union: for each of its branches."""
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
    """No branch has this tag: what the tag may be over all branches."""
    tags = [fault for branch in branches for fault in branch if _is_tag_fault(fault, depth)]
    path = max((tag.path for tag in tags), key=len)
    allowed = [value for tag in tags if tag.path == path for value in _allowed(tag)]
    return Fault("enum", list(dict.fromkeys(allowed)), path)


def _missing_tag(branches: list[tuple[Fault, ...]], depth: int) -> Fault | None:
    """Every branch misses one same property, as with a message that has no role."""
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
    "minLength": ("at least {0} characters long", "string_below_min_length"),
    "maxLength": ("at most {0} characters long", "string_above_max_length"),
    "minItems": ("an array of at least {0} items", "array_below_min_length"),
    "maxItems": ("an array of at most {0} items", "array_above_max_length"),
    "minProperties": ("an object of at least {0} properties", "object_below_min_properties"),
    "maxProperties": ("an object of at most {0} properties", "object_above_max_properties"),
}


def _describe(fault: Fault, found: object) -> tuple[str, str]:
    """Message, with ``{where}`` for the place, and code."""
    keyword, value = fault.keyword, fault.value
    if not keyword:
        return "Invalid value for{where}: it does not fit the contract, here or deeper inside.", "invalid_value"
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
        return "Unknown parameter:{where} has no place here; leave it out.", "unknown_parameter"
    if keyword == "propertyNames":
        return "Invalid name of a property in{where}.", "invalid_property_name"
    if keyword == "uniqueItems":
        return "Invalid value for{where}: the items must differ from each other.", "invalid_value"
    if keyword == "oneOf":
        return (
            "Invalid value for{where}: it fits more than one of the forms that exclude each other.",
            "invalid_value",
        )
    return f"Invalid value for{{where}}: it breaks the rule '{keyword}' of the contract.", "invalid_value"
