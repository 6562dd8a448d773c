"""Forms: the fields of ``application/x-www-form-urlencoded`` and ``multipart/form-data`` (RFC 7578), validated.

Files are written to disk piece by piece while they arrive, and are never in memory as a whole. A field is a file if the
document says so, or if the document says nothing and the client sends a file name with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..contract.explain import check
from ..contract.faults import Validator
from ..contract.forms import Form, FormField
from ..contract.media import split_type
from ..contract.parameters import Parameter
from ..contract.schemas import Schemas
from ..errors import BadRequest, ContentTooLarge
from ..jsontypes import Json
from .bodies import BodyStream, decode_text, parse_json
from .parameters import choose, missing, read_header, validator_of
from .uploads import Upload, UploadFolder, UploadWriter
from .values import HEAVY, check_weight, weigh

MAX_PARTS = 1_000
_MAX_HEADERS = 16
_MAX_HEADER_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class FormCheck:
    """A form of the document with its validators."""

    form: Form
    validator: Validator | None
    headers: dict[str, list[tuple[Parameter, Validator | None]]]

    @classmethod
    def of(cls, form: Form, validator: Validator | None, schemas: Schemas) -> FormCheck:
        headers = {
            name: [(header, validator_of(header, schemas)) for header in encoding.headers]
            for name, encoding in form.encodings.items()
            if encoding.headers
        }
        return cls(form, validator, headers)

    async def body(self, fields: list[FormField], max_values: int) -> Json:
        """Return the fields as an object that fits the schema. The values in JSON fields may have a total weight of
        ``max_values``, calculated as in `app.web.values`; the pieces that a style splits a text into count as heavy
        values.

        Raises:
            BadRequest: the fields do not fit the schema.
            ContentTooLarge: they weigh more.
        """
        if self.headers:
            for field in fields:
                self._check_headers(field)
        weight = HEAVY * self.form.count_pieces(fields)
        check_weight(weight, max_values)

        async def parse(text: str) -> object:
            nonlocal weight
            raw = text.encode()
            weight = await weigh(raw, max_values, weight)
            return parse_json(raw)

        tree = await self.form.values(fields, parse)
        if self.validator is not None:
            check(self.validator, _each_file(tree, _stand_in))
        body: Json = _each_file(tree, _upload)
        return body

    def _check_headers(self, field: FormField) -> None:
        name = self.form.property_of(field.name)
        for header, validator in self.headers.get(name, ()):
            readings = read_header(header, field.headers.get(header.name.lower(), []))
            if readings is not None:
                choose(header, validator, readings, name)
            elif header.required:
                raise missing(header, name)


def _each_file(value: object, change: Callable[[FormField], object]) -> Any:
    if isinstance(value, dict):
        return {name: _each_file(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [_each_file(item, change) for item in value]
    return change(value) if isinstance(value, FormField) else value


def _stand_in(field: FormField) -> str:
    return field.stand_in


def _upload(field: FormField) -> Upload:
    upload = field.file
    assert isinstance(upload, Upload)
    return upload


async def read_multipart(
    first: bytes, stream: BodyStream, boundary: str, form: Form, folder: UploadFolder, memory: int
) -> list[FormField]:
    """Return the parts of a body, which begins with the piece ``first``. Files are written to the folder; the rest may
    have ``memory`` bytes in total.

    Raises:
        BadRequest: it is not a multipart body, or not a complete one.
        ContentTooLarge: it has too many parts or headers, or too many bytes outside of files.
    """
    if not boundary:
        raise _invalid("its Content-Type has no boundary")
    reader = _MultipartReader(form, folder, memory)
    try:
        parser = MultipartParser(
            boundary.encode("latin-1", "replace"),
            {
                "on_part_begin": reader.begin,
                "on_part_data": reader.data,
                "on_part_end": reader.end_part,
                "on_header_field": reader.header_name,
                "on_header_value": reader.header_value,
                "on_header_end": reader.end_header,
                "on_headers_finished": reader.end_headers,
                "on_end": reader.end,
            },
            max_header_count=_MAX_HEADERS + 1,
            max_header_size=_MAX_HEADER_BYTES * 2,
        )
        piece = first
        while piece:
            reader.received += len(piece)
            parser.write(piece)
            reader.check_memory()
            await reader.flush()
            piece = await stream.next()
    except FormParserError:
        raise _invalid("it does not follow RFC 7578") from None
    if not reader.ended:
        raise _invalid("it ends before its last boundary")
    return reader.fields


class _MultipartReader:
    """The callbacks of the parser. The parser does not await, so files are written between calls of it."""

    def __init__(self, form: Form, folder: UploadFolder, memory: int) -> None:
        self.fields: list[FormField] = []
        self.ended = False
        self.received = 0
        self._form = form
        self._folder = folder
        self._memory = memory
        self._in_files = 0
        self._name, self._value = bytearray(), bytearray()
        self._headers: dict[str, list[str]] = {}
        self._header_count = 0
        self._field = FormField("")
        self._filename: str | None = None
        self._text = bytearray()
        self._file: UploadWriter | None = None
        self._whole: list[UploadWriter] = []

    def check_memory(self) -> None:
        if self.received - self._in_files > self._memory:
            raise ContentTooLarge(
                f"The fields of the form that are not files are together larger than the {self._memory} bytes "
                "that are accepted."
            )

    async def flush(self) -> None:
        for file in self._whole:
            await file.flush(last=True)
        self._whole.clear()
        if self._file is not None:
            await self._file.flush()

    def begin(self) -> None:
        if len(self.fields) == MAX_PARTS:
            raise ContentTooLarge(f"The form has more than the {MAX_PARTS} parts that are accepted.")
        self._headers, self._header_count = {}, 0

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check_header()

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._name) + len(self._value) > _MAX_HEADER_BYTES:
            raise _invalid(f"a header field of a part is longer than {_MAX_HEADER_BYTES} bytes")

    def end_header(self) -> None:
        self._header_count += 1
        if self._header_count > _MAX_HEADERS:
            raise _invalid(f"a part has more than {_MAX_HEADERS} header fields")
        name = self._name.decode("latin-1").lower()
        self._headers.setdefault(name, []).append(_text(self._value))
        self._name, self._value = bytearray(), bytearray()

    def end_headers(self) -> None:
        given = self._headers.get("content-disposition", [""])[0]
        kind, options = parse_options_header(given.encode().decode("latin-1"))
        if kind != b"form-data" or b"name" not in options:
            raise _invalid("a part has no Content-Disposition: form-data with a name")
        name = _text(options[b"name"])
        filename = _text(options[b"filename"]) if b"filename" in options else None
        self._field = FormField(name, headers=self._headers)
        self._field.media_type = split_type(self._headers.get("content-type", [""])[0])[0]
        if self._form.takes_file(name, named=filename is not None):
            self._file = self._folder.new()
            # RFC 7578, section 4.2, says to drop folders in it.
            self._filename = os.path.basename(filename.replace("\\", "/")) if filename is not None else None

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._in_files += end - start
            self._file.write(data[start:end])
        else:
            self._text += data[start:end]

    def end_part(self) -> None:
        field = self._field
        content_type = self._headers.get("content-type", [""])[0]
        if self._file is not None:
            field.size = self._file.size
            field.file = Upload(
                self._file.path, self._filename, content_type or "application/octet-stream", field.size, self._headers
            )
            self._whole.append(self._file)
            self._file = None
        else:
            charset = split_type(content_type)[1].get("charset", "utf-8")
            field.text = decode_text(self._text, charset, field.name[:64])
            self._text = bytearray()
        self.fields.append(field)

    def end(self) -> None:
        self.ended = True


def _text(raw: bytes | bytearray) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _invalid(reason: str) -> BadRequest:
    return BadRequest(f"The body is not a valid multipart form: {reason}.", code="invalid_multipart")
