"""Validators, compiled on first use, for the schemas at pointers into the document.

`jsonschema_rs` validates. On platforms for which it has no wheel, `jsonschema` is the fallback: some hundred times
slower, with the same results (a differential test compares the two).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ..errors import DocumentError, UnusablePart
from ..jsontypes import Json
from .document import Document
from .faults import Fault, Validator
from .formats import FORMATS, is_byte
from .piecewise import URI, Pieces, follow
from .pointers import pointer_in, reference_to
from .source import SchemaSource
from .structure import references
from .upgrade import Direction

try:
    import jsonschema_rs
except ImportError:  # pragma: no cover - exercised by a test that hides the module
    jsonschema_rs = None  # type: ignore[assignment]

log = logging.getLogger("parley")


class Schemas:
    """The schemas of a document by JSON pointer.

    ``backend`` is ``jsonschema-rs`` or ``jsonschema``; None selects the fastest one installed. ``lazy``: a validator is
    compiled when it is first used, not when it is requested; the validators of a large document take much memory.
    """

    def __init__(self, document: Document, *, backend: str | None = None, lazy: bool = False) -> None:
        self.backend = backend or ("jsonschema-rs" if jsonschema_rs is not None else "jsonschema")
        if backend is None and jsonschema_rs is None:
            log.warning("jsonschema-rs is not installed: bodies are checked by jsonschema, hundreds of times slower.")
        self._document = document
        self._lazy = lazy
        self._validators: dict[tuple[str, Direction | None], Validator] = {}
        self._compilers: dict[Direction | None, _Compiler] = {}

    def validator(self, pointer: str, direction: Direction | None = None) -> Validator:
        """Return the validator of the schema at a pointer, such as ``/components/schemas/Model``. ``direction`` is what
        it validates: in a request, ``readOnly`` properties are rejected.

        Raises:
            DocumentError: there is nothing at the pointer, or no schema; if lazy, raised on first use instead.
        """
        direction = direction if self._document.has_directions else None
        key = (pointer, direction)
        found = self._validators.get(key)
        if found is None:
            found = _Lazy(partial(self.compile, pointer, direction)) if self._lazy else self.compile(*key)
            self._validators[key] = found
        return found

    def source(self, direction: Direction | None = None) -> SchemaSource:
        """Return the source that validators are compiled from."""
        return self._compiler(direction).source

    def compile(self, pointer: str, direction: Direction | None = None) -> Validator:
        """Compile the validator that `validator` describes immediately, without the cache."""
        compiler = self._compiler(direction)
        try:
            compiler.source.node(pointer)
            compiled = compiler.whole(pointer)
        except DocumentError:
            raise
        except LookupError:
            raise UnusablePart(
                f"{self._document.source}: there is nothing at {pointer}, where a schema is referred to."
            ) from None
        except Exception as error:  # each library has its own exceptions, and some have several
            told = (str(error).strip() or type(error).__name__).splitlines()[
                0
            ]  # the lines below contain the schema and the value
            raise UnusablePart(f"{self._document.source}: the schema at {pointer} cannot be used: {told}") from None
        return _Located(compiled, pointer, compiler.pieces)

    def _compiler(self, direction: Direction | None) -> _Compiler:
        direction = direction if self._document.has_directions else None
        if direction not in self._compilers:
            compile = _compile_rust if self.backend == "jsonschema-rs" else _compile_python
            self._compilers[direction] = _Compiler(SchemaSource(self._document, direction), compile)
        return self._compilers[direction]


class _Compiler:
    """Compiles schemas that refer to those of a document by `URI`."""

    def __init__(self, source: SchemaSource, compile: Callable[[Json, Json], Validator]) -> None:
        self.source = source
        self.pieces = Pieces(source.node, self.compile)
        self._compile = compile

    def whole(self, pointer: str) -> Validator:
        """Compile the schema at a pointer, with everything that it refers to."""
        schema = self.source.alone(pointer)
        return self.compile({"$ref": URI + reference_to(pointer)}) if schema is None else self._compile(schema, {})

    def compile(self, schema: Json) -> Validator:
        """Compile a schema that may refer to the document's schemas by `URI`."""
        pointers = (pointer_in(each.removeprefix(URI)) for _, each in references(schema))
        return self._compile(schema, self.source.closure(pointers))


class _Lazy:
    """A validator that is compiled on first use; from then on `is_valid` is that of the compiled validator."""

    __slots__ = ("_compile", "_compiled", "is_valid")

    def __init__(self, compile: Callable[[], Validator]) -> None:
        self._compile = compile
        self._compiled: Validator | None = None
        self.is_valid = self._is_valid

    def _is_valid(self, instance: object) -> bool:
        return self._now().is_valid(instance)

    def faults(self, instance: object) -> Iterator[Fault]:
        return self._now().faults(instance)

    def _now(self) -> Validator:
        if self._compiled is None:
            self._compiled = self._compile()
            self.is_valid = self._compiled.is_valid
        return self._compiled


class _Located:
    """The validator of a schema in a document, whose faults are found piece by piece."""

    __slots__ = ("_pieces", "_pointer", "is_valid")

    def __init__(self, validator: Validator, pointer: str, pieces: Pieces) -> None:
        self._pointer = pointer
        self._pieces = pieces
        self.is_valid = validator.is_valid  # bound once: the hot path adds no Python frame

    def faults(self, instance: object) -> Iterator[Fault]:
        return iter(self._pieces.faults(self._pointer, instance))


def compile_schema(schema: Json) -> Validator:
    """Compile a standalone schema, such as one that a client sends; it may refer to itself only.

    Raises:
        Exception: the schema is not valid, or refers to something else; the type depends on the library.
    """
    if jsonschema_rs is not None:
        return _RustValidator(jsonschema_rs.Draft202012Validator(schema, retriever=_fetch_nothing))
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(schema)
    return _PythonValidator(jsonschema.Draft202012Validator(_python_patterns(schema), registry=_empty_registry()))


def _compile_rust(schema: Json, document: Json) -> Validator:
    return _RustValidator(
        jsonschema_rs.Draft202012Validator(
            schema,
            registry=jsonschema_rs.Registry([(URI, document)], draft=jsonschema_rs.Draft202012) if document else None,
            retriever=_fetch_nothing,
            validate_formats=True,
            formats={"byte": is_byte},
        )
    )


def _fetch_nothing(uri: str) -> Any:
    """Reject every URI: no document and no request makes this server fetch a schema from another server."""
    raise LookupError(uri)


class _RustValidator:
    __slots__ = ("_validator", "is_valid")

    def __init__(self, validator: Any) -> None:
        self._validator = validator
        self.is_valid = validator.is_valid  # bound once: the hot path adds no Python frame

    def faults(self, instance: Any) -> Iterator[Fault]:
        return map(partial(_from_rust, instance), self._validator.iter_errors(instance))


def _from_rust(instance: Any, error: Any) -> Fault:
    kind = error.kind
    if kind.name == "falseSchema" and error.schema_path[-1:] == ["additionalProperties"]:
        # The library reports this for a closed object without properties of its own: the place, but not the names.
        _, found = follow(instance, tuple(error.instance_path))
        if isinstance(found, dict):
            return Fault("additionalProperties", list(found), tuple(error.instance_path))
    context = getattr(kind, "context", None) or ()
    return Fault(
        keyword=kind.name,
        # The `value` of a combinator repeats its context; that of `required` is the name of the missing property.
        value=None if context else kind.value,
        path=tuple(error.instance_path),
        branches=tuple(tuple(_from_rust(instance, each) for each in branch) for branch in context),
    )


def _compile_python(schema: Json, document: Json) -> Validator:
    import jsonschema
    from referencing.jsonschema import DRAFT202012

    registry = _empty_registry().with_resource(URI, DRAFT202012.create_resource(_python_patterns(document)))
    return _PythonValidator(jsonschema.Draft202012Validator(schema, registry=registry, format_checker=_formats()))


def _formats() -> Any:
    import jsonschema

    checker = jsonschema.FormatChecker(formats=())
    for name, holds in FORMATS.items():
        checker.checks(name)(lambda value, holds=holds: not isinstance(value, str) or holds(value))
    return checker


def _empty_registry() -> Any:
    import referencing

    registry: Any = referencing.Registry
    return registry(retrieve=_fetch_nothing)


def _python_patterns(node: Any) -> Any:
    """Return the schemas with patterns for Python's `re`, where ``$`` also matches before a trailing line break."""
    if isinstance(node, list):
        return [_python_patterns(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value[:-1] + r"\Z"
        if key == "pattern" and isinstance(value, str) and value.endswith("$")
        else _python_patterns(value)
        for key, value in node.items()
    }


class _PythonValidator:
    __slots__ = ("_validator",)

    def __init__(self, validator: Any) -> None:
        self._validator = validator

    def is_valid(self, instance: Any) -> bool:
        return bool(self._validator.is_valid(instance))

    def faults(self, instance: Any) -> Iterator[Fault]:
        return map(_from_python, self._validator.iter_errors(instance))


def _from_python(error: Any) -> Fault:
    value = error.validator_value
    if error.validator == "required":
        # There is one error for each missing property, in the schema's order; only the message contains the name.
        value = next((name for name in value if error.message.startswith(repr(name))), None)
    elif error.validator in ("additionalProperties", "unevaluatedProperties"):
        known = error.schema.get("properties", {})
        value = [name for name in error.instance if name not in known]
    branches: dict[Any, list[Any]] = {}
    for child in error.context or ():
        branches.setdefault(child.schema_path[0], []).append(child)
    return Fault(
        keyword="falseSchema" if error.validator is None else str(error.validator),
        value=None if branches else value,
        path=tuple(error.absolute_path),
        branches=tuple(tuple(map(_from_python, branch)) for branch in branches.values()),
    )
