"""Finds references that cannot be resolved: circular ones, or those whose target does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...contract.structure import references
from .findings import Findings
from .positions import BrokenReference, Location, Sources


def steps(sources: Sources, location: Location, node: object) -> Iterator[tuple[Location, Any]]:
    """Yield a node and then each node that its references lead to. In a cycle, the last node is a repeated one.

    Raises:
        BrokenReference: a reference cannot be followed.
    """
    seen: set[Location] = set()
    yield location, node
    while isinstance(node, dict) and isinstance(node.get("$ref"), str) and location not in seen:
        seen.add(location)
        location = sources.target(location.file, node["$ref"])
        node = sources.at(location)
        yield location, node


def check_references(sources: Sources, findings: Findings, file: str) -> None:
    """Add findings for the broken references of a file, used or not: the server reads other files as a whole."""
    for pointer, reference in references(sources.file(file).content):
        try:
            sources.target(file, reference)
        except BrokenReference as error:
            findings.error(Location(file, pointer).child("$ref"), error.rule, str(error), error.advice)
