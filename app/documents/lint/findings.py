"""The findings of a check of a document: severity, place, message and advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .positions import Location, Sources

# An error prevents the server from serving what the document describes. A warning is a promise that the document does
# not keep, or a mistake that is a problem for other readers. Information is neither.
SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding. ``rule`` is its kind, ``pointer`` the place in ``file``. ``line`` and ``column`` count from 1; they
    are 0 if unknown, such as in a file that cannot be read."""

    severity: str
    rule: str
    file: str
    pointer: str
    line: int
    column: int
    message: str
    advice: str


class Findings:
    """Collects findings. Their lines are looked up when the findings are iterated."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.servable = True  # until the server itself rejects the document
        self._found: dict[tuple[Location, str, str], tuple[str, str, tuple[int, int] | None]] = {}

    def add(
        self,
        location: Location,
        severity: str,
        rule: str,
        message: str,
        advice: str,
        *,
        position: tuple[int, int] | None = None,
    ) -> None:
        """Add a finding. Findings with the same rule, message and place are added once."""
        self._found.setdefault((location, rule, message), (severity, advice, position))

    def error(
        self, location: Location, rule: str, message: str, advice: str, *, position: tuple[int, int] | None = None
    ) -> None:
        self.add(location, "error", rule, message, advice, position=position)

    def warning(self, location: Location, rule: str, message: str, advice: str) -> None:
        self.add(location, "warning", rule, message, advice)

    def places(self, rules: frozenset[str] | None = None) -> set[Location]:
        """Return the locations of all findings, or of those of some rules."""
        return {location for location, rule, _ in self._found if rules is None or rule in rules}

    def has_errors(self) -> bool:
        return any(severity == "error" for severity, _, _ in self._found.values())

    def __iter__(self) -> Iterator[Finding]:
        """Iterate over all findings, sorted by file and line."""
        made = []
        for (location, rule, message), (severity, advice, position) in self._found.items():
            line, column = position or self._sources.file(location.file).position(location.pointer)
            made.append(Finding(severity, rule, *location, line, column, message, advice))
        order = {self._sources.entry: ""}
        return iter(sorted(made, key=lambda f: (order.get(f.file, f.file), f.line, f.column, f.rule)))


def counts(findings: list[Finding]) -> dict[str, int]:
    """Return the number of findings of each severity."""
    found = Counter(finding.severity for finding in findings)
    return {severity: found[severity] for severity in SEVERITIES}
