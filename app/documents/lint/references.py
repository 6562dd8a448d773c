"""References that lead nowhere: round in circles, or to what is not there."""

from __future__ import annotations

from typing import Any

from .findings import Findings
from .positions import BrokenReference, Location, Sources

# What stands in these is anybody's.
_DATA = frozenset({"enum", "const", "default", "example", "value"})


def cycle(sources: Sources, location: Location, node: Any) -> frozenset[Location] | None:
    """The references that lead from a node to each other and nowhere else, or None."""
    seen: list[Location] = []
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        if location in seen:
            return frozenset(seen[seen.index(location) :])
        seen.append(location)
        try:
            location = sources.target(location.file, node["$ref"])
        except BrokenReference:
            return None
        node = sources.at(location)
    return None


def check_references(sources: Sources, findings: Findings, location: Location, node: Any) -> None:
    """Add the references of a file that lead nowhere, used or not: the server reads another file as a whole."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            check_references(sources, findings, location.child(index), item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            try:
                sources.target(location.file, node["$ref"])
            except BrokenReference as error:
                findings.add(location.child("$ref"), "error", error.rule, str(error), error.advice)
        for name, value in node.items():
            if name not in _DATA and not name.startswith("x-"):
                check_references(sources, findings, location.child(name), value)
