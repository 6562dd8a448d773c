"""Checks a document before it is served, and reports all findings, each with its place and advice.

Server startup only looks for errors that prevent routing and compiling, and stops at the first; this check finds all of
them. A document that the server itself rejects always has an error here, whatever the other checks report.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from pathlib import Path

from ...contract.document import Document, may_lack_paths
from ...contract.operations import Operation, operations
from ...contract.schemas import Schemas
from ...contract.security import Security
from ...contract.trial import Trial
from ...errors import ConfigurationError
from ..samples.samples import Samples
from .compile import Bundle, check_compilation
from .examples import check_examples
from .failures import check_failures
from .findings import Finding, Findings
from .latest import check_latest
from .objects import Objects
from .operations import check_operations
from .positions import Location, Sources, Unreadable
from .schemas import check_schemas

Compiled = dict[str, bool | None]


@dataclass(frozen=True, slots=True)
class Row:
    """An operation as the server would serve it.

    ``derived``: the document has no operationId for it. ``handler`` names what handles it. ``security`` lists the
    security requirements, each a list of schemes. ``request`` and ``responses`` map each media type to whether its
    schema compiles; None if there is no schema.
    """

    method: str
    path: str
    id: str
    derived: bool
    handler: str
    security: tuple[tuple[str, ...], ...]
    request: Compiled
    responses: dict[str, Compiled]

    @property
    def schemas(self) -> list[bool]:
        """For each schema of a body, whether it compiles."""
        states = [*self.request.values(), *(state for each in self.responses.values() for state in each.values())]
        return [state for state in states if state is not None]


@dataclass(frozen=True, slots=True)
class Report:
    """The findings about a document, in the order of its lines, and its operations as far as they can be read.

    ``servable``: the server can start with the document. ``ignored`` is the number of findings that were left out.
    """

    findings: list[Finding]
    rows: list[Row]
    servable: bool = True
    ignored: int = 0

    def without(self, rules: Container[str]) -> Report:
        """Return the report without the findings of some rules. The errors of a document that cannot be served are
        kept, because one of them is the reason."""
        kept = [f for f in self.findings if f.rule not in rules or (f.severity == "error" and not self.servable)]
        return replace(self, findings=kept, ignored=len(self.findings) - len(kept))


def check_document(
    path: Path,
    handler: Callable[[Operation], str],
    *,
    allow_basic: bool = False,
    tells_errors: bool = False,
    at: Callable[[str], None] = lambda step: None,
) -> Report:
    """Check the document in a file, and the files in the same folder that it refers to. Nothing is fetched.

    ``handler`` returns the name of what handles an operation. ``allow_basic``: as in `Security`. ``tells_errors``: the
    server writes errors in the shape that the document defines. ``at`` is called with each step when it begins.
    """
    at("reading it")
    sources = Sources(path)
    findings = Findings(sources)
    explicit: dict[tuple[str, str], bool] = {}
    try:
        if _is_document(sources, findings):
            explicit = _check(sources, findings, allow_basic, at)
    except Unreadable as error:
        findings.error(
            Location(sources.entry, ""),
            "unreadable",
            str(error),
            "correct the file",
            position=(error.line, error.column),
        )
    at("reading it as the server does")
    rows = _serve(path, sources, findings, handler, explicit, allow_basic, tells_errors)
    at("sorting what was found")
    return Report(list(findings), rows, findings.servable)


def _is_document(sources: Sources, findings: Findings) -> bool:
    root = Location(sources.entry, "")
    content = sources.at(root)
    if not isinstance(content, dict):
        findings.error(root, "not-openapi", "the file is not an object at its top level", "write openapi: 3.1.0 first")
        return False
    version = content.get("openapi")
    if not isinstance(version, str) or not version.startswith(("3.0.", "3.1.", "3.2.")):
        findings.error(
            root.child("openapi"),
            "not-openapi",
            "the version of OpenAPI is missing or not supported",
            "write openapi: 3.1.0, or a version 3.0 or 3.2",
        )
        return False
    if not isinstance(content.get("paths", {} if may_lack_paths(content) else None), dict):
        findings.error(root.child("paths"), "not-openapi", "there are no paths, so nothing to serve", "add paths")
        return False
    return True


def _check(
    sources: Sources, findings: Findings, allow_basic: bool, at: Callable[[str], None]
) -> dict[tuple[str, str], bool]:
    """Check the structure, operations, schemas and examples of a document. Return for each method and path whether the
    document gives it an operationId."""
    at("looking at its structure")
    objects = Objects(sources, findings, sources.at(Location(sources.entry, ""))["openapi"])
    for name, file in sources.files.items():
        for twice in file.duplicates:
            findings.error(
                Location(name, twice.pointer),
                "duplicate-key",
                "the key occurs twice in one object; only the last one is used",
                "leave one of them out",
                position=(twice.line, twice.column),
            )
    bundle = None
    kept: frozenset[str] = frozenset()
    try:
        bundle = Bundle(objects)
        kept = frozenset(Security(bundle.document, allow_basic=allow_basic).schemes)
    except Exception as error:  # a structure that no part of the server expects
        reason = str(error) if isinstance(error, ConfigurationError) else type(error).__name__
        _not_servable(findings, sources, f"the document cannot be read: {reason}")
    at("looking at its operations and schemas")
    found = check_operations(objects, kept)
    check_schemas(objects)
    check_latest(objects)
    if bundle is not None:
        at("compiling its schemas")
        check_compilation(objects, bundle)
        at("looking at its examples")
        check_examples(objects, bundle)
    return {(operation.method, operation.path): operation.is_named for operation in found}


def _serve(
    path: Path,
    sources: Sources,
    findings: Findings,
    handler: Callable[[Operation], str],
    explicit: dict[tuple[str, str], bool],
    allow_basic: bool,
    tells_errors: bool,
) -> list[Row]:
    """Read the document as the server does at startup."""
    rows = []
    try:
        document = Document.load(path)
        trial = Trial(document)
        security = Security(document, allow_basic=allow_basic)
        samples = Samples(Schemas(document)) if tells_errors else None
        for operation in operations(document):
            _ways_in(security, operation, findings, sources)
            derived = not explicit.get((operation.method, operation.path), True)
            rows.append(_row(operation, derived, handler(operation), trial, findings, sources))
            if samples is not None:
                check_failures(document, operation, samples, findings, sources.entry)
    except ConfigurationError as error:
        _not_servable(findings, sources, str(error))
    except Exception as error:  # any exception would stop the server
        _not_servable(findings, sources, f"the server cannot read the document: {type(error).__name__}")
    return rows


def _ways_in(security: Security, operation: Operation, findings: Findings, sources: Sources) -> None:
    try:
        security.ways_in(operation)
    except ConfigurationError as error:
        _not_servable(findings, sources, str(error))


def _row(operation: Operation, derived: bool, handler: str, trial: Trial, findings: Findings, sources: Sources) -> Row:
    def compiled(pointer: str | None) -> bool | None:
        if pointer is None:
            return None
        try:
            trial.run([pointer])
        except ConfigurationError as error:
            _not_servable(findings, sources, str(error))
            return False
        return True

    for parameter in operation.parameters:
        compiled(parameter.schema)
    return Row(
        method=operation.method.upper(),
        path=operation.path,
        id=operation.id,
        derived=derived,
        handler=handler,
        security=tuple(tuple(requirement) for requirement in operation.security or ()),
        request={media_type: compiled(pointer) for media_type, pointer in operation.request_schemas.items()},
        responses={
            status: {media_type: compiled(pointer) for media_type, pointer in media.items()}
            for status, media in operation.responses.items()
        },
    )


def _not_servable(findings: Findings, sources: Sources, message: str) -> None:
    """Record that the server rejects the document; add a finding unless another error explains it."""
    findings.servable = False
    if not findings.has_errors():
        findings.error(
            Location(sources.entry, ""),
            "not-servable",
            message,
            "correct what the message names",
            position=(1, 1),
        )
