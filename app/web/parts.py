"""Bodies of ``multipart/mixed`` and similar types, whose parts have no names. Each part is read by its own
Content-Type, as JSON, text or bytes (RFC 2046, section 5.1; OpenAPI 3.2.0, "Encoding ``multipart`` Media Types")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from ..contract.faults import Validator
from ..contract.media import MediaTypes, is_json, is_text, split_type
from ..contract.parameters import Encoding, Parameter
from ..errors import BadRequest, ContentTooLarge
from .bodies import decode_text, parse_json
from .forms import MAX_PARTS
from .parameters import choose, missing, read_header
from .values import HEAVY, weigh

_MAX_HEADERS = 16
_MAX_HEADER_BYTES = 8_192
# RFC 2046, section 5.1.
_DEFAULT_TYPE = "text/plain"

HeaderChecks = list[tuple[Parameter, Validator | None]]


@dataclass(slots=True)
class Part:
    """One part; the names of ``headers`` are in lower case."""

    headers: dict[str, list[str]] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class PartCheck:
    """What a document says about the encoding of the part at a position."""

    encoding: Encoding
    headers: HeaderChecks

    def check(self, part: Part, media_type: str, place: str) -> None:
        """Raise `BadRequest` if a part has another media type, or its headers do not fit the document."""
        wanted = MediaTypes(dict.fromkeys(self.encoding.media_types, True))
        if wanted and not wanted.find(media_type):
            raise BadRequest(
                f"Invalid value for '{place}': expected the Content-Type {' or '.join(wanted.keys)}.",
                param=place,
                code="invalid_value",
            )
        for header, validator in self.headers:
            readings = read_header(header, part.headers.get(header.name.lower(), []))
            if readings is not None:
                choose(header, validator, readings, place)
            elif header.required:
                raise missing(header, place)


def split_parts(raw: bytes, boundary: str) -> list[Part]:
    """Return the parts of a body.

    Raises:
        BadRequest: it is not a multipart body, or not a complete one.
        ContentTooLarge: it has too many parts.
    """
    if not boundary:
        raise _invalid("its Content-Type has no boundary")
    reader = _Reader()
    try:
        parser = MultipartParser(
            boundary.encode("latin-1", "replace"),
            {
                "on_part_begin": reader.begin,
                "on_part_data": lambda data, start, end: reader.parts[-1].body.extend(data[start:end]),
                "on_header_field": lambda data, start, end: reader.name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: reader.value.extend(data[start:end]),
                "on_header_end": reader.end_header,
                "on_end": reader.end,
            },
            max_header_count=_MAX_HEADERS,
            max_header_size=_MAX_HEADER_BYTES,
        )
        parser.write(raw)
    except FormParserError:
        raise _invalid("it does not follow RFC 2046") from None
    if not reader.ended:
        raise _invalid("it ends before its last boundary")
    return reader.parts


async def read_parts(parts: list[Part], prefix: Sequence[PartCheck], rest: PartCheck | None, most: int) -> list[object]:
    """Return the values of the parts: JSON parsed, text or bytes. Those in JSON may have a total weight of ``most``.

    Raises:
        BadRequest: a part cannot be read, or is not encoded as the document says.
        ContentTooLarge: they weigh more.
    """
    weight, found = 0, []
    for index, part in enumerate(parts):
        place = f"[{index}]"
        check = prefix[index] if index < len(prefix) else rest
        declared = check.encoding.media_types if check else ()
        media_type, options = split_type((part.headers.get("content-type") or [""])[0])
        if not media_type:
            media_type = next((each for each in declared if "*" not in each), _DEFAULT_TYPE)
        if check:
            check.check(part, media_type, place)
        value: object = bytes(part.body)
        if is_json(media_type):
            weight = await weigh(bytes(part.body), most, weight + HEAVY)
            try:
                value = parse_json(bytes(part.body))
            except BadRequest:
                raise BadRequest(f"'{place}' is not valid JSON.", param=place, code="invalid_json") from None
        elif is_text(media_type):
            value = decode_text(part.body, options.get("charset", "utf-8"), place)
        found.append(value)
    return found


def shown(value: object) -> object:
    """Return the value that a validator sees for a part: for bytes, a text with as many characters."""
    return "-" * min(len(value), 1 << 20) if isinstance(value, bytes) else value


class _Reader:
    """The callbacks of the parser."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self.name, self.value = bytearray(), bytearray()

    def begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise ContentTooLarge(f"The body has more than the {MAX_PARTS} parts that are accepted.")
        self.parts.append(Part())

    def end_header(self) -> None:
        name = self.name.decode("latin-1").lower()
        self.parts[-1].headers.setdefault(name, []).append(self.value.decode("latin-1"))
        self.name, self.value = bytearray(), bytearray()

    def end(self) -> None:
        self.ended = True


def _invalid(reason: str) -> BadRequest:
    return BadRequest(f"The body is not a valid multipart body: {reason}.", code="invalid_multipart")
