"""Parses the fields of a form by its schema: ``application/x-www-form-urlencoded`` and ``multipart/form-data``.

A field has the name of a property; it is repeated for an array. Beyond these rules of the OpenAPI Specification, names
with brackets are supported, which many clients use for nested values: ``tags[]``, ``tags[0]``, ``address[city]``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import BadRequest
from ..jsontypes import Json
from .explain import path_text
from .media import MediaTypes, is_json, split_type
from .parameters import Encoding, Parameter
from .pointers import JsonPath
from .shapes import Shape
from .styles import Pairs, count_pieces, read_pairs

_BRACKETS = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")
_DEEPEST = 8
_LONGEST_NAME = 1_000


@dataclasses.dataclass(eq=False, slots=True)
class FormField:
    """A field as received: a ``text``, or a ``file`` of ``size`` bytes whose content is never read.

    ``raw`` is the text while it is still percent-encoded. ``stand_in`` is the value that a validator sees for a file.
    """

    name: str
    text: str = ""
    raw: str | None = None
    file: object = None
    size: int = 0
    media_type: str = ""
    headers: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    stand_in: str = ""


class Form:
    """The form that a schema and its encodings describe."""

    def __init__(self, shape: Shape, encodings: Mapping[str, Encoding]) -> None:
        self.shape = shape
        self.encodings = encodings

    @property
    def header_schemas(self) -> Iterator[str]:
        """Pointers of the schemas of all headers of parts."""
        for encoding in self.encodings.values():
            yield from (header.schema for header in encoding.headers if header.schema)

    def takes_file(self, name: str, *, named: bool) -> bool:
        """Whether a part is a file rather than a text; ``named``: it has a file name."""
        _, tokens, shape = self._place(name)
        for token in tokens:
            shape = _inside(shape, token)
        nodes = (*shape.nodes, *(shape.items.nodes if shape.is_array else ()))
        if any(map(_is_file, nodes)) and (named or not any(map(_is_text, nodes))):
            return True
        return named and (not shape.types or any("contentMediaType" in n or _is_encoded(n) for n in nodes))

    def property_of(self, name: str) -> str:
        """Return the property that a field belongs to by its name."""
        return self._place(name)[0]

    def count_pieces(self, fields: Sequence[FormField]) -> int:
        """Return how often the fields whose encoding has a non-exploded style are split."""
        styles = {name: x.style for name, x in self.encodings.items() if x.style is not None and not x.headers}
        found = 0
        for field in fields if styles else ():
            style, explode = styles.get(self.property_of(field.name), ("", True))
            found += count_pieces(style, field.text if field.raw is None else field.raw) if not explode else 0
            # What `_as_raw` encodes is decoded again, piece by piece.
            found += field.text.count("%") + field.text.count("+") if field.raw is None else 0
        return found

    async def values(self, fields: Sequence[FormField], parse_json: Callable[[str], Awaitable[Any]]) -> Json:
        """Return the form as an object, with the types of its schema. Files are represented by their `FormField`.

        Raises:
            BadRequest: a field that is no array is repeated, or a field cannot be read or is too large or too small.
        """
        found, taken = self._styled(fields)
        roots: dict[str, _FieldTree] = {}
        for field in fields:
            if field.name not in taken:
                name, tokens, shape = self._place(field.name)
                roots.setdefault(name, _FieldTree()).add(field, tokens, shape)
        for name, root in roots.items():
            reader = _FieldReader(self.encodings.get(name, Encoding()), parse_json)
            found[name] = await reader.value(root, self.shape.property(name), (name,))
        return found

    def _place(self, name: str) -> tuple[str, list[str], Shape]:
        """Return the property that a field's name refers to, the steps from there to the value, and the property's
        shape."""
        brackets = len(name) <= _LONGEST_NAME and name not in self.shape.properties
        if brackets and (match := _BRACKETS.fullmatch(name)):
            base = match[1]
            if base in self.shape.properties:
                return base, match[2][1:-1].split("]["), self.shape.property(base)
        return name, [], self.shape.property(name)

    def _styled(self, fields: Sequence[FormField]) -> tuple[Json, set[str]]:
        """Return the properties whose encoding has a style, which are written like query parameters, and the names of
        the fields used. Deep objects are excluded: names with brackets are parsed without a style, on every level, as
        clients of such forms send them.
        """
        found: Json = {}
        taken: set[str] = set()
        declared = frozenset(self.shape.properties)
        pairs: Pairs | None = None
        for name, encoding in self.encodings.items():
            if encoding.style is None or encoding.style[0] == "deepObject" or encoding.headers:
                continue
            if pairs is None:
                pairs = [(x.name, _as_raw(x)) for x in fields if not x.file]
            style, explode = encoding.style
            parameter = Parameter(name, "form", False, None, self.shape.property(name), style, explode)
            values = read_pairs(parameter, pairs, declared)
            if values is None:
                continue
            found[name] = values[0]
            for key, _ in pairs:
                spread = explode and parameter.shape.is_object and key not in declared
                if key == name or key.startswith(name + "[") or (spread and _holds(parameter.shape, key)):
                    taken.add(key)
        return found, taken


class _FieldTree:
    """A node of the tree that names with brackets describe."""

    def __init__(self) -> None:
        self.fields: list[FormField] = []
        self.items: dict[int, _FieldTree] = {}
        self.members: dict[str, _FieldTree] = {}
        self.last = -1  # the item that the last name without a number went to

    def add(self, field: FormField, tokens: list[str], shape: Shape) -> None:
        node = self
        if len(tokens) > _DEEPEST:
            raise _fault((field.name,), f"at most {_DEEPEST} levels of names in brackets are accepted")
        for depth, token in enumerate(tokens):
            if _is_index(shape, token):
                if token:
                    number = int(token)
                else:
                    # Add the member to the last item, or to a new item if the last one already has this member.
                    rest = tokens[depth + 1 :]
                    begun = node.items.get(node.last) if rest else None
                    if begun is None or (rest[0] in begun.members and rest[-1] != ""):
                        node.last += 1
                    number = node.last
                node = node.items.setdefault(number, _FieldTree())
            else:
                node = node.members.setdefault(token, _FieldTree())
            shape = _inside(shape, token)
        node.fields.append(field)


class _FieldReader:
    """Converts the nodes of one property to typed values."""

    def __init__(self, encoding: Encoding, parse_json: Callable[[str], Awaitable[Any]]) -> None:
        self.media_types = MediaTypes(dict.fromkeys(encoding.media_types, True))
        self.is_json = bool(encoding.media_types) and all(map(is_json, encoding.media_types))
        self.parse_json = parse_json

    async def value(self, node: _FieldTree, shape: Shape, path: JsonPath) -> Any:
        if bool(node.fields) + bool(node.items) + bool(node.members) > 1:
            raise _fault(path, "it is given both as a whole and in parts")
        if node.members:
            return {
                name: await self.value(child, shape.property(name), (*path, name))
                for name, child in node.members.items()
            }
        if node.items:
            numbered = enumerate(node.items[number] for number in sorted(node.items))
            return [await self.value(child, shape.items, (*path, index)) for index, child in numbered]
        texts = [field for field in node.fields if field.file is None]
        # A property of any type may also be a list of texts.
        is_array = shape.is_array or (not shape.types and texts == node.fields)
        if is_array and (len(node.fields) > 1 or not shape.is_scalar):
            if len(node.fields) == 1 and self._says_json(node.fields[0]):
                whole = await self._field(node.fields[0], shape, path)
                return whole if isinstance(whole, list) else [whole]
            return [await self._field(field, shape.items, (*path, index)) for index, field in enumerate(node.fields)]
        if len(node.fields) > 1:
            raise _fault(path, "it is given more than once, and takes one value")
        return await self._field(node.fields[0], shape, path)

    def _says_json(self, field: FormField) -> bool:
        return field.file is None and (is_json(field.media_type) or (self.is_json and not field.media_type))

    async def _field(self, field: FormField, shape: Shape, path: JsonPath) -> Any:
        if field.media_type and self.media_types and not self.media_types.find(field.media_type):
            raise _fault(path, f"expected the Content-Type {' or '.join(self.media_types.keys)}")
        if field.file is not None:
            _measure(field, shape, path)
            return field
        nested = (shape.is_object or shape.is_array) and field.text.lstrip()[:1] in ("{", "[")
        if self._says_json(field) or nested:
            try:
                return await self.parse_json(field.text)
            except BadRequest:
                if self._says_json(field) or not shape.is_scalar:
                    param = path_text(path)
                    raise BadRequest(f"'{param}' is not valid JSON.", param=param, code="invalid_json") from None
        return shape.readings(field.text)[0]


def _as_raw(field: FormField) -> str:
    """Return the text of a field, percent-encoded if needed, so that it is split and decoded as in a query."""
    return field.text.replace("%", "%25").replace("+", "%2B") if field.raw is None else field.raw


def _inside(shape: Shape, token: str) -> Shape:
    return shape.items if _is_index(shape, token) else shape.property(token)


def _is_index(shape: Shape, token: str) -> bool:
    return not token or (token.isdecimal() and len(token) < 6 and shape.is_array and not shape.is_object)


def _holds(shape: Shape, name: str) -> bool:
    return name in shape.properties or shape.takes_more


def _is_file(node: Json) -> bool:
    if node.get("format") == "binary":
        return True
    media_type = str(node.get("contentMediaType", ""))
    return bool(media_type) and "contentEncoding" not in node and not (_is_textual(media_type))


def _is_textual(media_type: str) -> bool:
    essence = split_type(media_type)[0]
    return essence.startswith("text/") or is_json(essence)


def _is_encoded(node: Json) -> bool:
    return "contentEncoding" in node or node.get("format") in ("byte", "base64")


def _is_text(node: Json) -> bool:
    return "string" in (node.get("type") or ()) and not _is_file(node)


def _measure(field: FormField, shape: Shape, path: JsonPath) -> None:
    """Validate a file's length against ``minLength`` and ``maxLength``, which the OpenAPI Specification counts in bytes
    for files, and set the field's ``stand_in``.

    Raises:
        BadRequest: the file is too large or too small.
    """
    nodes = [node for node in shape.nodes if _is_file(node) or _is_text(node)]
    low = max((int(node.get("minLength", 0)) for node in nodes), default=0)
    high = min((int(node["maxLength"]) for node in nodes if "maxLength" in node), default=None)
    if high is not None and field.size > high:
        raise _fault(path, f"expected a file of at most {high} bytes", "string_above_max_length")
    if field.size < low:
        raise _fault(path, f"expected a file of at least {low} bytes", "string_below_min_length")
    field.stand_in = "-" * min(low, 1 << 20)


def _fault(path: JsonPath, rule: str, code: str = "invalid_value") -> BadRequest:
    param = path_text(path)
    return BadRequest(f"Invalid value for '{param}': {rule}.", param=param, code=code)
