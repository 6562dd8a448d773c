"""The parameters of a request: extracted from path, query, headers and cookies, parsed by their styles, validated."""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.types import Scope

from ..contract.document import templates
from ..contract.explain import explain
from ..contract.faults import Validator
from ..contract.forms import Form, FormField
from ..contract.media import is_json
from ..contract.operations import Operation
from ..contract.parameters import Parameter
from ..contract.routing import path_name
from ..contract.schemas import Schemas
from ..contract.styles import decode, read_fields, read_pairs, read_segment, split_cookies, split_query
from ..errors import BadRequest
from ..jsontypes import Json
from .bodies import parse_json

# The characters that may be unencoded in a path (RFC 3986, section 3.3).
_IN_PATH = "/:@!$&'()*+,;=~"
_ENCODED = re.compile("%[0-9A-Fa-f]{2}")
# Without the dot, which is a delimiter of the style `label`.
_UNRESERVED = re.compile("[A-Za-z0-9_~-]")


class ParameterReader:
    """Reads all parameters of an operation."""

    def __init__(self, operation: Operation, schemas: Schemas) -> None:
        self._parameters = [(parameter, validator_of(parameter, schemas)) for parameter in operation.parameters]
        self._names = {
            place: frozenset(p.name for p in operation.parameters if p.location == place)
            for place in ("path", "query", "header", "cookie")
        }
        # The router decodes a path before it splits it, so parameters with their own delimiters are split again here.
        self._path: re.Pattern[str] | None = None
        self._in_path = list(templates(operation.url))
        if any(p.location == "path" and not (p.is_text and p.style == "simple") for p in operation.parameters):
            self._path = _path_pattern(operation.url)

    def read(self, scope: Scope) -> Json:
        """Return the parameters that the request has, by their keys.

        Raises:
            BadRequest: a parameter is missing or does not fit the document.
        """
        found: Json = {}
        query = split_query(scope["query_string"].decode("latin-1")) if self._names["query"] else []
        cookies = split_cookies(_fields(scope, "cookie")) if self._names["cookie"] else []
        segments = self._segments(scope) if self._path is not None else {}
        for parameter, validator in self._parameters:
            name, location = parameter.name, parameter.location
            if location == "querystring":
                readings = _read_query(parameter, scope["query_string"].decode("latin-1"))
            elif location == "path":
                readings = _read_path(parameter, scope, segments)
            elif location == "header":
                readings = read_header(parameter, _fields(scope, name.lower()))
            elif parameter.media_type is not None:
                pairs = query if location == "query" else cookies
                texts = [value for key, value in pairs if key == name]
                readings = _read_document(parameter, [decode(t, plus=location == "query", name=name) for t in texts])
            else:
                readings = read_pairs(parameter, query if location == "query" else cookies, self._names[location])
                if parameter.allow_empty and (name, "") in query and validator and not _fitting(validator, readings):
                    readings, validator = [""], None  # an empty value is valid whatever the schema says
            if readings is not None:
                found[parameter.key] = choose(parameter, validator, readings)
            elif parameter.required:
                raise missing(parameter)
        return found

    def _segments(self, scope: Scope) -> dict[str, str]:
        """Return the path parameters as they were sent, not decoded."""
        assert self._path is not None
        raw = scope.get("raw_path") or b""
        match = self._path.fullmatch(_ENCODED.sub(_normal, raw.decode("latin-1").partition("?")[0]))
        return dict(zip(self._in_path, match.groups(), strict=True)) if match else {}


def validator_of(parameter: Parameter, schemas: Schemas) -> Validator | None:
    """Return the validator of a parameter's schema for requests; None: it has no schema."""
    return schemas.validator(parameter.schema, "request") if parameter.schema else None


def read_header(parameter: Parameter, values: list[str]) -> list[object] | None:
    """Return the possible readings of the header fields with a parameter's name; None: there are none.

    Raises:
        BadRequest: they cannot be read.
    """
    if parameter.media_type is not None:
        return _read_document(parameter, values)
    return read_fields(parameter, values) if values else None


def choose(parameter: Parameter, validator: Validator | None, readings: list[object], at: str | None = None) -> object:
    """Return the first reading that the schema allows; ``at`` is put before the parameter's name in an error.

    Raises:
        BadRequest: the schema allows none.
    """
    if validator is None:
        return readings[0]
    for value in readings:
        if validator.is_valid(value):
            return value
    raise explain(validator, readings[0], at=(at, parameter.name) if at else (parameter.name,), place=parameter.place)


def missing(parameter: Parameter, at: str | None = None) -> BadRequest:
    """Return the error for a required parameter that is missing."""
    name = f"{at}.{parameter.name}" if at else parameter.name
    return BadRequest(
        f"Missing required parameter: '{name}'{parameter.place}.", param=name, code="missing_required_parameter"
    )


def _fitting(validator: Validator, readings: list[object] | None) -> bool:
    return any(map(validator.is_valid, readings or ()))


def _fields(scope: Scope, name: str) -> list[str]:
    wanted = name.encode("latin-1", "replace")
    return [_header_text(value) for key, value in scope["headers"] if key == wanted]


def _header_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")  # a field may contain any byte (RFC 9110, section 5.5)


def _read_path(parameter: Parameter, scope: Scope, segments: dict[str, str]) -> list[object] | None:
    name = parameter.name
    if name in segments:
        raw: str = segments[name]
        if parameter.media_type is not None:
            return _read_document(parameter, [decode(raw, name=name)])
        return read_segment(parameter, raw)
    text = scope.get("path_params", {}).get(path_name(name))
    if text is None:
        return None
    if parameter.media_type is not None:
        return _read_document(parameter, [str(text)])
    if parameter.is_text and parameter.style == "simple":
        return parameter.shape.readings(str(text))
    return read_segment(parameter, quote(str(text), safe=_IN_PATH))


def _read_query(parameter: Parameter, raw: str) -> list[object] | None:
    """Read the query as one parameter (OpenAPI 3.2.0, "Parameter Locations"); None: there is no query."""
    if not raw:
        return None
    if parameter.encodings is None:
        return _read_document(parameter, [decode(raw, name=parameter.name)])
    fields = [FormField(name, decode(value, plus=True, name=name), raw=value) for name, value in split_query(raw)]
    # The coroutine never waits, since a query is short.
    reading = Form(parameter.shape, parameter.encodings).values(fields, _parse)
    try:
        reading.send(None)
    except StopIteration as end:
        return [end.value]
    raise RuntimeError("the fields of a query were not read at once")


async def _parse(text: str) -> object:
    return parse_json(text.encode())


def _read_document(parameter: Parameter, texts: list[str]) -> list[object] | None:
    """Read a parameter that is a document of a media type; None: the parameter is missing."""
    if not texts:
        return None
    if len(texts) > 1:
        raise BadRequest(
            f"Invalid value for '{parameter.name}'{parameter.place}: it is given more than once, and takes one value.",
            param=parameter.name,
            code="invalid_value",
        )
    if not is_json(parameter.media_type or ""):
        return parameter.shape.readings(texts[0])
    try:
        return [parse_json(texts[0].encode())]
    except BadRequest:
        raise BadRequest(
            f"Invalid value for '{parameter.name}'{parameter.place}: expected JSON.",
            param=parameter.name,
            code="invalid_json",
        ) from None


def _path_pattern(path: str) -> re.Pattern[str]:
    """Return a pattern for the raw form of paths, normalised by `_normal`, with a group for each parameter."""
    literals = [re.escape(_ENCODED.sub(_normal, quote(part, safe=_IN_PATH))) for part in re.split(r"\{[^}]*\}", path)]
    gaps = ["([^/]+)"] * (len(literals) - 1)
    if gaps and path.endswith("}"):
        gaps[-1] = "(.+)"
    return re.compile(
        literals[0] + "".join(gap + part for gap, part in zip(gaps, literals[1:], strict=True)), re.DOTALL
    )


def _normal(match: re.Match[str]) -> str:
    """Normalise an escape (RFC 3986, sections 6.2.2.1 and 6.2.2.2): decode an unreserved character, else use upper
    case."""
    character = chr(int(match[0][1:], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()
