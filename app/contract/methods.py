"""The operations of a path item: those in its fixed fields, and since OpenAPI 3.2 those of any other method."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..jsontypes import Json
from .pointers import pointer_to
from .structure import since_3_2

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# OpenAPI 3.2.0, "Path Item Object": `query` is a fixed field. Methods without a fixed field are keys of this map, in
# the letters in which they are sent.
QUERY = "query"
ADDITIONAL = "additionalOperations"
# The methods that the HTTP server accepts: a token (RFC 9110, section 9.1) of limited length, without lower case.
_SERVED = re.compile(r"[A-Z0-9!$%&'*+.^_`|~-]{3,20}")
_TAKEN_OTHERWISE = frozenset({*(method.upper() for method in METHODS), "QUERY", "CONNECT"})


def described_methods(item: Json, version: str) -> Iterator[tuple[str, str]]:
    """Yield the methods of a path item, each with the pointer of its operation relative to the path item. Methods of
    fixed fields are in lower case, like the fields; others are as sent."""
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
    """Return why an operation of a method cannot be served at this pointer, and what to write instead; empty if it can
    be served."""
    if not pointer.startswith(pointer_to(ADDITIONAL)):
        return ""
    if method == "CONNECT":
        return "CONNECT requests a tunnel and is never served"
    if method.upper() in _TAKEN_OTHERWISE:
        return f"{method} is not allowed in {ADDITIONAL}; write it as the field {method.lower()} of the path"
    if not _SERVED.fullmatch(method):
        return (
            f"the method {method} is not served; those of 3 to 20 capital letters, digits and marks of a token are, "
            "such as COPY"
        )
    return ""
