"""Which operations a path item has: those in its fixed fields, and since OpenAPI 3.2 those of any other method."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..jsontypes import Json
from .pointers import pointer_to
from .structure import since_3_2

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# OpenAPI 3.2.0, "Path Item Object": `query` is a field of its own, and methods without one stand by their names, in the
# letters in which they are sent, in this map.
QUERY = "query"
ADDITIONAL = "additionalOperations"
# What the HTTP server takes as a method: a token (RFC 9110, section 9.1) of some length, and in no small letters.
_SERVED = re.compile(r"[A-Z0-9!$%&'*+.^_`|~-]{3,20}")
_TAKEN_OTHERWISE = frozenset({*(method.upper() for method in METHODS), "QUERY", "CONNECT"})


def described_methods(item: Json, version: str) -> Iterator[tuple[str, str]]:
    """The methods of a path item, each with the pointer of its operation from there. Those of fixed fields are in small
    letters, as their fields; others as they are sent."""
    for method in METHODS:
        if method in item:
            yield method, pointer_to(method)
    if not since_3_2(version):
        return
    if QUERY in item:
        yield QUERY, pointer_to(QUERY)
    others = item.get(ADDITIONAL)
    for method in others if isinstance(others, dict) else ():
        if not method.startswith("x-"):
            yield method, pointer_to(ADDITIONAL, method)


def fault_of_method(method: str, pointer: str) -> str:
    """Why an operation of a method cannot be served where it stands, and what can; empty: it can."""
    if not pointer.startswith(pointer_to(ADDITIONAL)):
        return ""
    if method == "CONNECT":
        return "CONNECT asks for a tunnel and is never served"
    if method.upper() in _TAKEN_OTHERWISE:
        return f"{method} does not stand in {ADDITIONAL}; write it as the field {method.lower()} of the path"
    if not _SERVED.fullmatch(method):
        return (
            f"the method {method} is not served; those of 3 to 20 capital letters, digits and marks of a token are, "
            "such as COPY"
        )
    return ""
