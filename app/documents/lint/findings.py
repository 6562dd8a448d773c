"""What a check of a document finds: how bad it is, where it stands, what is wrong and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .positions import Location, Sources

# An error keeps the server from serving what the document says; a warning is a promise that the document does not
# keep, or a mistake that other readers would stumble over; information is neither.
SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """``rule`` is the kind of finding, ``pointer`` the place in ``file``; ``line`` and ``column`` count from 1, and
    are 0 where there is none, as in a file that cannot be read."""

    severity: str
    rule: str
    file: str
    pointer: str
    line: int
    column: int
    message: str
    advice: str


class Findings:
    """Collects findings. Their lines are looked up when they are read."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.servable = True  # until the server itself refuses the document
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
        """Note a finding; one of the same rule with the same words at the same place counts once."""
        self._found.setdefault((location, rule, message), (severity, advice, position))

    def error(
        self, location: Location, rule: str, message: str, advice: str, *, position: tuple[int, int] | None = None
    ) -> None:
        self.add(location, "error", rule, message, advice, position=position)

    def warning(self, location: Location, rule: str, message: str, advice: str) -> None:
        self.add(location, "warning", rule, message, advice)

    def places(self, rules: frozenset[str] | None = None) -> set[Location]:
        """Where anything was found, or anything of some rules."""
        return {location for location, rule, _ in self._found if rules is None or rule in rules}

    def has_errors(self) -> bool:
        return any(severity == "error" for severity, _, _ in self._found.values())

    def __iter__(self) -> Iterator[Finding]:
        """All of them in the order of files and lines."""
        made = []
        for (location, rule, message), (severity, advice, position) in self._found.items():
            line, column = position or self._sources.file(location.file).position(location.pointer)
            made.append(Finding(severity, rule, *location, line, column, message, advice))
        order = {self._sources.entry: ""}
        return iter(sorted(made, key=lambda f: (order.get(f.file, f.file), f.line, f.column, f.rule)))


def counts(findings: list[Finding]) -> dict[str, int]:
    """How many there are of each severity."""
    found = Counter(finding.severity for finding in findings)
    return {severity: found[severity] for severity in SEVERITIES}
