"""References that lead nowhere: round in circles, or to what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...contract.structure import references
from .findings import Findings
from .positions import BrokenReference, Location, Sources


def steps(sources: Sources, location: Location, node: object) -> Iterator[tuple[Location, Any]]:
    """A node and what its references lead to, one after the other. In a circle the first one comes twice, at the end.

    Raises:
        BrokenReference: one cannot be followed.
    """
    seen: set[Location] = set()
    yield location, node
    while isinstance(node, dict) and isinstance(node.get("$ref"), str) and location not in seen:
        seen.add(location)
        location = sources.target(location.file, node["$ref"])
        node = sources.at(location)
        yield location, node


def check_references(sources: Sources, findings: Findings, file: str) -> None:
    """Add the references of a file that lead nowhere, used or not: the server reads another file as a whole."""
    for pointer, reference in references(sources.file(file).content):
        try:
            sources.target(file, reference)
        except BrokenReference as error:
            findings.error(Location(file, pointer).child("$ref"), error.rule, str(error), error.advice)
