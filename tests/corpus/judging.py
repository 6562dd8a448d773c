"""What is wrong with a request, and whether an answer fits: judged by ``openapi-schema-validator`` on the document as
`reading` has it.

Of a request only that is judged which is the same in every reading of the standard: JSON bodies, parameters of plain
types, and what is missing. An invalid request that has none of these faults is not counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, unquote

from jsonschema.validators import create, extend
from openapi_schema_validator import (
    OAS30ReadValidator,
    OAS30WriteValidator,
    OAS31Validator,
    OAS32Validator,
    oas30_format_checker,
    oas31_format_checker,
    oas32_format_checker,
)

from .making import Made
from .reading import Node, Operation, Reader


def _one_way(kind: Any, like: Any) -> Any:
    """A validator for which, as for 3.0's, what is only read or only written is required in one direction."""
    return extend(kind, {"required": like.VALIDATORS["required"]})  # type: ignore[no-untyped-call]


def _applicable(schema: Any) -> Any:
    return [("$ref", schema["$ref"])] if "$ref" in schema else schema.items()


def _reference_alone(kind: Any) -> Any:
    """A validator for which, as OpenAPI 3.0 has it, what stands beside a ``$ref`` is ignored."""
    return create(
        meta_schema=kind.META_SCHEMA,
        validators=kind.VALIDATORS,
        type_checker=kind.TYPE_CHECKER,
        format_checker=kind.FORMAT_CHECKER,
        id_of=lambda _schema: "",
        applicable_validators=_applicable,
    )


_WRITE = {
    "3.0": _reference_alone(OAS30WriteValidator),
    "3.1": _one_way(OAS31Validator, OAS30WriteValidator),
    "3.2": _one_way(OAS32Validator, OAS30WriteValidator),
}
_READ = {
    "3.0": _reference_alone(OAS30ReadValidator),
    "3.1": _one_way(OAS31Validator, OAS30ReadValidator),
    "3.2": _one_way(OAS32Validator, OAS30ReadValidator),
}
_FORMATS = {"3.0": oas30_format_checker, "3.1": oas31_format_checker, "3.2": oas32_format_checker}
# Headers that are no parameters (OpenAPI, "Parameter Object").
_NO_PARAMETERS = ("accept", "content-type", "authorization")
_PLAIN = {"string", "integer", "number", "boolean", "null"}
_MOST_FAULTS = 50

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: in the ``body`` at a path, or a parameter by its name. ``rule`` is the keyword that is broken."""

    where: str
    path: Path
    rule: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.where} {'.'.join(map(str, self.path))}".strip()


class Unjudged(Exception):
    """The validator cannot use a schema, or takes a value for endless."""


class Judge:
    """Judges what is asked of a document and answered."""

    def __init__(self, reader: Reader) -> None:
        self._version = reader.version
        self._registry = reader.registry

    def faults(self, made: Made, operation: Operation, *, formats: bool = False) -> list[Fault]:
        """What is wrong with a request in every reading, by its formats too if they count.

        Raises:
            Unjudged: it cannot be told.
        """
        return [*self._parameters(made, operation, formats), *self._body(made, operation, formats)]

    def _parameters(self, made: Made, operation: Operation, formats: bool) -> Iterator[Fault]:
        given = _given(made, operation)
        for parameter in operation.parameters:
            place, name = parameter.value["in"], parameter.value["name"]
            if place == "header" and name.lower() in _NO_PARAMETERS:
                continue
            values = given[place].get(name.lower() if place == "header" else name, [])
            if not values:
                nested = [other for other in given[place] if other.startswith(f"{name}[")]
                if any(other.count("[") > 1 for other in nested):
                    raise Unjudged("the style deepObject is defined for one level")
                spread = self._kinds(parameter.get("schema")) - _PLAIN
                if parameter.value.get("required") and not nested and not spread:
                    yield Fault(place, (name,), "required")
                continue
            schema = parameter.get("schema")
            styled = parameter.value.get("style") in ("matrix", "label")
            if schema is None or styled or not self._kinds(schema) <= _PLAIN:
                continue
            if parameter.value.get("allowEmptyValue") and values == [""]:
                continue
            if len(values) > 1 and formats:
                yield Fault(place, (name,), "repeated")
            if len(values) == 1:
                readings = [list(self._errors(schema, value, formats=formats)) for value in _readings(values[0])]
                if all(readings):
                    yield Fault(place, (name,), readings[-1][0].validator)

    def _kinds(self, schema: Node | None) -> set[str]:
        """The types that a schema may have; one that does not say may have any."""
        if schema is None or not isinstance(schema.value, dict):
            return {"any"}
        if "type" in schema.value:
            kind = schema.value["type"]
            return {kind} if isinstance(kind, str) else set(kind)
        for name in ("anyOf", "oneOf", "allOf"):
            branches = schema.get(name)
            if branches:
                return set().union(*map(self._kinds, branches.children()))
        return {"any"}

    def _body(self, made: Made, operation: Operation, formats: bool) -> Iterator[Fault]:
        described = operation.node.get("requestBody")
        if described is None:
            return
        if not made.body:
            if described.value.get("required"):
                yield Fault("body", (), "required")
            return
        media = _media(described, made.headers.get("content-type", ""))
        schema = media.get("schema") if media else None
        if schema is None or not _is_json(made.headers.get("content-type", "")):
            return
        try:
            value = json.loads(made.body)
        except ValueError:
            return
        for error in self._errors(schema, value, write=True, formats=formats):
            for path, rule in _leaves(error, ()):
                yield Fault("body", path, rule)

    def unfit(self, status: int, headers: Message, body: bytes, operation: Operation) -> str | None:
        """Why an answer is not one of the document's; None: it is.

        Raises:
            Unjudged: it cannot be told.
        """
        listed = operation.node.get("responses")
        keys = (str(status), f"{status // 100}XX", f"{status // 100}xx", "default")
        described = next(filter(None, (listed.get(key) for key in keys)), None) if listed else None
        if described is None:
            # Nothing is said of what an operation answers that lists nothing.
            return f"the status {status} is not listed" if listed and listed.value else None
        for name, header in (described.value.get("headers") or {}).items():
            required = isinstance(header, dict) and header.get("required") and name.lower() != "content-type"
            if required and name not in headers:
                return f"the header {name} is missing"
        content = described.get("content")
        if not content or not content.value:
            return "there is a body" if body else None
        if operation.method == "HEAD" or status in (204, 304):
            return None
        media_type = headers.get("content-type", "")
        media = _media(described, media_type)
        if media is None:
            return f"the media type {media_type or '(none)'} is not listed"
        schema = media.get("schema")
        if schema is None or not _is_json(media_type):
            return None
        try:
            value = json.loads(body)
        except ValueError:
            return "it is no JSON"
        for error in self._errors(schema, value, formats=True):
            path, rule = next(_leaves(error, ()))
            return f"{rule} at {'.'.join(map(str, path)) or 'the whole'}"
        return None

    def _errors(self, schema: Node, value: Any, *, write: bool = False, formats: bool = False) -> Iterator[Any]:
        kind = (_WRITE if write else _READ)[self._version]
        checker = _FORMATS[self._version] if formats else None
        validator = kind({"$ref": schema.uri}, registry=self._registry, format_checker=checker)
        try:
            for number, error in enumerate(validator.iter_errors(value)):
                if not _allowed(error):
                    yield error
                if number == _MOST_FAULTS:
                    return
        except Exception as error:
            raise Unjudged(f"{type(error).__name__}: {error}"[:200]) from None


def _allowed(error: Any) -> bool:
    """Whether an error of the validator is none by the standard."""
    # It "SHOULD NOT be sent", and may be.
    if error.validator == "readOnly" or (error.validator is None and "ReadOnly" in error.message):
        return True
    # What `nullable` stands for is one of the few readings that the server has of its own: null, whatever else is said
    # beside it, in 3.1 too, as all who write it mean.
    if error.instance is None and isinstance(error.schema, dict) and error.schema.get("nullable") is True:
        return True
    if error.context:
        branches: dict[Any, list[Any]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        return any(all(map(_allowed, inner)) for inner in branches.values())
    # Of several branches that fit, the discriminator tells which is meant; the validator does not look at it.
    return error.validator == "oneOf" and not error.context and "discriminator" in error.schema


def _given(made: Made, operation: Operation) -> dict[str, dict[str, list[str]]]:
    """The texts of parameters by place and name, decoded once."""
    given: dict[str, dict[str, list[str]]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
    pattern = re.sub(r"\\\{(.+?)\\\}", "(.*?)", re.escape(operation.base + operation.path))
    found = re.fullmatch(pattern, made.path, re.DOTALL)
    if found:
        names = re.findall(r"\{(.+?)\}", operation.path)
        given["path"] = {name: [unquote(text)] for name, text in zip(names, found.groups(), strict=False)}
    for name, text in parse_qsl(made.query, keep_blank_values=True):
        given["query"].setdefault(name, []).append(text)
    given["header"] = {name: [text.strip(" \t")] for name, text in made.headers.items()}
    cookies: SimpleCookie = SimpleCookie(made.headers.get("cookie", ""))
    given["cookie"] = {name: [morsel.value] for name, morsel in cookies.items()}
    return given


def _readings(text: str) -> Iterator[Any]:
    """All values that a text may stand for."""
    yield text
    with_json = text.strip()
    if not text:
        yield None
    try:
        yield json.loads(with_json)
    except ValueError:
        return


def _is_json(media_type: str) -> bool:
    kind = media_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _media(described: Node, media_type: str) -> Node | None:
    """The closest of the listed media types."""
    content = described.get("content")
    if content is None or not isinstance(content.value, dict):
        return None
    kind = media_type.partition(";")[0].strip().lower()
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*", "*")
    for wanted in (media_type.strip().lower(), *ranges):
        for name in content.value:
            listed = name.lower().strip()
            if wanted in (listed, listed.partition(";")[0].strip()):
                return content.get(name)
    return None


def _leaves(error: Any, base: Path) -> Iterator[tuple[Path, str]]:
    """Where an error of the validator says that something is wrong, and in the branches of a union each place."""
    path = (*base, *error.relative_path)
    if error.context:
        for inner in error.context:
            yield from _leaves(inner, path)
    names: list[Any] = []
    if error.validator == "required" and isinstance(error.instance, dict):
        names = [name for name in error.validator_value if name not in error.instance]
        names = [name for name in names if f"'{name}'" in error.message] or names
    elif error.validator in ("additionalProperties", "unevaluatedProperties"):
        names = [name for name in error.instance if repr(name) in error.message]
    for name in names or [None]:
        yield (path if name is None else (*path, name)), str(error.validator)
