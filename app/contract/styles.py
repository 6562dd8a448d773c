"""Parses parameters from the styles in which clients serialize them.

The styles are those of the OpenAPI Specification 3.1.1, "Style Values" (the same as in 3.0.4), which come from RFC
6570. A percent-encoded delimiter belongs to the value, so the input is split first and decoded afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from ..errors import BadRequest
from ..jsontypes import Json
from .parameters import Parameter
from .shapes import Shape

# Decoded names, with their raw values from the query or a Cookie header.
Pairs = list[tuple[str, str]]

_MARKS = {"form": (",",), "spaceDelimited": ("%20", "+", " "), "pipeDelimited": ("%7C", "%7c", "|")}
_COMMA = re.compile("%2C", re.IGNORECASE)
_DELIMITERS = {style: re.compile("|".join(map(re.escape, marks))) for style, marks in _MARKS.items()}
# Examples of objects in each style and explode, for messages.
_EXAMPLES = {
    ("simple", False): "name,value",
    ("simple", True): "name=value",
    ("label", False): ".name,value",
    ("label", True): ".name=value",
    ("matrix", False): ";{0}=name,value",
    ("matrix", True): ";name=value",
    ("form", False): "{0}=name,value",
    ("form", True): "name=value",
    ("spaceDelimited", False): "{0}=name%20value",
    ("spaceDelimited", True): "name=value",
    ("pipeDelimited", False): "{0}=name%7Cvalue",
    ("pipeDelimited", True): "name=value",
    ("cookie", False): "{0}=name,value",
    ("cookie", True): "name=value",
    ("deepObject", False): "{0}[name]=value",
    ("deepObject", True): "{0}[name]=value",
}


def split_query(query: str) -> Pairs:
    """Return the pairs of a query or of a body of the type ``application/x-www-form-urlencoded``."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(decode(name, plus=True), value) for name, _, value in pairs]


def split_cookies(headers: Iterable[str]) -> Pairs:
    """Return the pairs of Cookie headers (RFC 6265, section 4.2)."""
    pairs = (part.strip().partition("=") for header in headers for part in header.split(";") if part.strip())
    return [(name.strip(), _unquoted(value.strip())) for name, _, value in pairs]


def decode(text: str, *, plus: bool = False, name: str | None = None) -> str:
    """Undo percent-encoding (RFC 3986, section 2.1); with ``plus``, also decode ``+`` as a space.

    Raises:
        BadRequest: the bytes are not UTF-8; ``name`` is the parameter's.
    """
    if plus:
        text = text.replace("+", " ")
    if "%" not in text and text.isascii():
        return text
    return as_text(unquote_to_bytes(text), name)


def as_text(raw: bytes, name: str | None = None) -> str:
    """Decode bytes that were percent-encoded as UTF-8; raises what `decode` raises."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        where = f" in '{name}'" if name else ""
        raise BadRequest(
            f"Percent-encoded bytes{where} are not UTF-8.", param=name or None, code="invalid_value"
        ) from None


def read_segment(parameter: Parameter, raw: str) -> list[Any]:
    """Return the possible values of a piece of a path, the likeliest first; ``raw`` is still percent-encoded.

    Raises:
        BadRequest: it is not in the parameter's style.
    """
    name, explode = parameter.name, parameter.explode
    text = partial(decode, name=name)
    if parameter.style == "matrix":
        pieces = raw[1:].split(";")
        if raw[:1] != ";":
            raise _not_in_style(parameter, f";{name}=value")
        if any(decode(piece.partition("=")[0], name=name) != name for piece in pieces):
            if not (explode and parameter.shape.is_object):
                raise _not_in_style(parameter, f";{name}=value")
            return _readings(parameter, text, None, None, _members(pieces, True, text))
        values = [piece.partition("=")[2] for piece in pieces]
        if explode:
            items = [] if values == [""] else values
            return _readings(parameter, text, _only(values), items, _members(pieces, True, text))
        if len(values) > 1:
            raise _repeated(parameter)
        raw = values[0]
    elif parameter.style == "label":
        if raw[:1] != ".":
            raise _not_in_style(parameter, ".value")
        raw = raw[1:]
    pieces = raw.split("." if parameter.style == "label" and explode else ",") if raw else []
    return _readings(parameter, text, raw, pieces, _members(pieces, explode, text))


def read_fields(parameter: Parameter, values: list[str]) -> list[Any]:
    """Return the possible values of the header fields of one name (style ``simple``), the likeliest first. Header
    fields are not percent-encoded.

    Raises:
        BadRequest: they are not in the parameter's style, or there is more than one for a parameter that is no list.
    """
    # Fields of the same name are one list (RFC 9110, section 5.3).
    pieces = [piece.strip() for piece in ",".join(values).split(",")]
    if pieces == [""]:
        pieces = []
    return _readings(parameter, str, _only(values), pieces, _members(pieces, parameter.explode, str))


def read_pairs(parameter: Parameter, pairs: Pairs, others: frozenset[str] = frozenset()) -> list[Any] | None:
    """Return the possible values of a parameter from the pairs of a query or of cookies, the likeliest first; None if
    the parameter is absent.

    ``others`` are the names of the other parameters in the same location: they are not properties of an object.

    Raises:
        BadRequest: the parameter is not in its style, or is repeated although it is not an array.
    """
    name, shape = parameter.name, parameter.shape
    text: Callable[[str], str] = partial(decode, plus=parameter.location != "cookie", name=name)
    if parameter.style == "cookie":
        text = str  # not percent-encoded (OpenAPI 3.2.0, "Style Values")
    elif parameter.location == "cookie" and parameter.explode and (shape.is_array or shape.is_object):
        # This style writes several pairs into one cookie, but a client may also send several cookies.
        pairs = [pair for key, value in pairs for pair in split_query(f"{quote(key)}={value}")]
    values = [value for key, value in pairs if key == name]
    if not values and shape.is_array and name + "[]" not in others:
        # Many clients write an array this way, though no style of the standard does.
        items = [value for key, value in pairs if key == name + "[]"]
        if items:
            return [_array(shape, map(text, items))]
    members = None
    if shape.is_object:
        members = _bracketed(parameter, pairs, text)
        if members is None and parameter.explode and parameter.style != "deepObject":
            members = _spread(parameter, pairs, others, text)
    if members is None and not values:
        return None
    if members is not None and values:
        raise _repeated(parameter)
    delimiter = _DELIMITERS.get(parameter.style, _DELIMITERS["form"])
    if values == [""]:
        items = []
    elif parameter.explode:
        items = values
    else:
        # Many clients write each comma as %2C. If no item can contain a comma, it is still a delimiter.
        if parameter.style == "form" and shape.is_array and not shape.items.may_hold(","):
            values = [_COMMA.sub(",", value) for value in values]
        items = [piece for value in values for piece in delimiter.split(value)]
    if members is None and len(values) == 1 and parameter.style != "deepObject" and not (parameter.explode and items):
        members = _members(items, False, text)
    return _readings(parameter, text, _only(values), items if values else None, members)


def count_pieces(style: str, raw: str) -> int:
    """Return how many times `read_pairs` splits a text of a style that is not exploded."""
    return sum(map(raw.count, _MARKS.get(style, _MARKS["form"])))


def _readings(
    parameter: Parameter,
    text: Callable[[str], str],
    whole: str | None,
    pieces: list[str] | None,
    members: dict[str, list[str]] | None,
) -> list[Any]:
    """Return the values that the schema allows for a split parameter: as one text, as items, as members."""
    shape = parameter.shape
    found = shape.readings(text(whole)) if whole is not None else []
    if not (shape.is_array or shape.is_object):
        if whole is None:
            raise _repeated(parameter)
        return found
    if "string" not in shape.types:
        found = [value for value in found if not isinstance(value, str)]
    for kind in shape.types:
        if kind == "array" and pieces is not None:
            found.append(_array(shape, map(text, pieces)))
        elif kind == "object" and members is not None:
            found.append(_object(parameter, members))
    if not found:
        raise _not_in_style(
            parameter, _EXAMPLES.get((parameter.style, parameter.explode), "{0}").format(parameter.name)
        )
    return sorted(found, key=lambda value: value is None)  # an empty value is an empty array rather than null


def _only(values: list[str]) -> str | None:
    return values[0] if len(values) == 1 else None


def _array(shape: Shape, texts: Iterable[str]) -> list[Any]:
    return [shape.items.readings(text)[0] for text in texts]


def _object(parameter: Parameter, members: dict[str, list[str]]) -> Json:
    found: Json = {}
    for key, texts in members.items():
        shape = parameter.shape.property(key)
        # A member of any type may also be a list.
        if (shape.is_array or not shape.types) and (len(texts) > 1 or not shape.is_scalar):
            found[key] = _array(shape, texts)
        elif len(texts) > 1:
            raise _repeated(parameter, key)
        else:
            found[key] = shape.readings(texts[0])[0]
    return found


def _members(pieces: list[str], explode: bool, text: Callable[[str], str]) -> dict[str, list[str]] | None:
    """Return ``R=1``, ``G=2`` (exploded) or ``R``, ``1``, ``G``, ``2`` as members; None if the pieces are neither."""
    if explode:
        if not all("=" in piece for piece in pieces):
            return None
        pieces = [part for piece in pieces for part in piece.split("=", 1)]
    if len(pieces) % 2:
        return None
    found: dict[str, list[str]] = {}
    for key, value in zip(pieces[::2], pieces[1::2], strict=True):
        found.setdefault(text(key), []).append(text(value))
    return found


def _bracketed(parameter: Parameter, pairs: Pairs, text: Callable[[str], str]) -> dict[str, list[str]] | None:
    """Return ``color[R]=1`` and ``color[G]=2`` as members. The standard defines one level only."""
    start = parameter.name + "["
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        if key.startswith(start) and key.endswith("]"):
            member, mark, rest = key[len(start) : -1].partition("][")
            if mark and (rest or not parameter.shape.property(member).is_array):
                raise BadRequest(
                    f"Invalid value for '{parameter.name}'{parameter.place}: expected properties of one "
                    f"level, as in '{parameter.name}[name]'.",
                    param=parameter.name,
                    code="invalid_value",
                )
            found.setdefault(member, []).append(text(value))
    return found or None


def _spread(
    parameter: Parameter, pairs: Pairs, others: frozenset[str], text: Callable[[str], str]
) -> dict[str, list[str]] | None:
    """Return the members of an exploded object, which are written as parameters of their own."""
    shape = parameter.shape
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        if key in shape.properties or (shape.takes_more and key not in others and key != parameter.name):
            found.setdefault(key, []).append(text(value))
    return found or None


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _not_in_style(parameter: Parameter, example: str) -> BadRequest:
    explode = ", exploded" if parameter.explode else ""
    return BadRequest(
        f"Invalid value for '{parameter.name}'{parameter.place}: expected the style {parameter.style}{explode}, as in "
        f"'{example}'.",
        param=parameter.name,
        code="invalid_value",
    )


def _repeated(parameter: Parameter, member: str | None = None) -> BadRequest:
    param = f"{parameter.name}.{member[:64]}" if member is not None else parameter.name
    return BadRequest(
        f"Invalid value for '{param}'{parameter.place}: it is given more than once, and takes one value.",
        param=param,
        code="invalid_value",
    )
