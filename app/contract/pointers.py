"""JSON pointers (RFC 6901), references, and paths of keys and indexes: the ways to address a place in a JSON value.

A *pointer* is text (``/paths/~1pets/get``), a *reference* is a pointer in a URI's fragment (``#/paths/~1pets/get``),
and a *path* is a pointer split into its parts, with indexes as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any
from urllib.parse import quote, unquote

JsonPath = tuple[str | int, ...]
# A path in which every index is None, which matches any index.
PathPattern = tuple[str | None, ...]

# No array has an index of more digits, and Python refuses to parse numbers of thousands of digits.
_INDEX = re.compile("0|[1-9][0-9]{0,17}")
# The characters that a fragment may contain unescaped (RFC 3986, section 3.5).
_IN_FRAGMENT = "/~:@!$&'()*+,;=?"


def pointer_to(*tokens: str | int) -> str:
    """Return a pointer from unescaped tokens."""
    pointer = "/" + "/".join(map(str, tokens)) if tokens else ""
    # Fast path: hardly any token needs escaping, and large documents have many tokens.
    if "~" in pointer or pointer.count("/") > len(tokens):
        return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)
    return pointer


def unescape(token: str) -> str:
    """Undo the escaping of a token of a pointer."""
    return token.replace("~1", "/").replace("~0", "~")


def tokens(pointer: str) -> list[str]:
    """Return the unescaped tokens of a pointer."""
    parts = pointer.split("/")[1:]
    return [unescape(token) for token in parts] if "~" in pointer else parts


def last_token(pointer: str) -> str:
    """Return the last token of a pointer or a reference: the name of a component."""
    return unescape(pointer.rpartition("/")[2])


def component_named(name: str, section: str, known: Container[str]) -> str:
    """Return the name of the component of a section that ``name`` identifies: the component with this name, else the
    component that it refers to (OpenAPI 3.2.0, "Security Requirement Object")."""
    path = tokens(pointer_in(name)) if name.startswith("#/") and name not in known else []
    return path[2] if path[:2] == ["components", section] and len(path) == 3 else name


def look_up(value: object, pointer: str) -> Any:
    """Return the value at a pointer.

    Raises:
        LookupError: there is none.
    """
    return descend(value, tokens(pointer))


def descend(value: object, path: Iterable[str]) -> Any:
    """Return the value that the unescaped tokens of a pointer lead to.

    Raises:
        LookupError: there is none.
    """
    for token in path:
        if isinstance(value, list) and _INDEX.fullmatch(token):
            value = value[int(token)]
        elif isinstance(value, dict):
            value = value[token]
        else:
            raise KeyError(token)
    return value


def reference_to(pointer: str) -> str:
    """Return the reference to a pointer in the same document."""
    return "#" + quote(pointer, safe=_IN_FRAGMENT)


def pointer_in(reference: str) -> str:
    """Return the pointer in a reference to the same document."""
    return unquote(reference.removeprefix("#"))
