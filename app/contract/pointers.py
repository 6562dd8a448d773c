"""JSON pointers (RFC 6901), references by them, and paths of keys and indexes: how a place in a JSON value is named.

A *pointer* is text (``/paths/~1pets/get``), a *reference* a pointer in a URI's fragment (``#/paths/~1pets/get``), and
a *path* is a pointer taken apart, with an index as a number.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any
from urllib.parse import quote, unquote

JsonPath = tuple[str | int, ...]
# A path with None for every index, which stands for any.
PathPattern = tuple[str | None, ...]

# No array has an index of more digits, and Python refuses to read numbers of thousands of them.
_INDEX = re.compile("0|[1-9][0-9]{0,17}")
# What a fragment may have as it is (RFC 3986, section 3.5).
_IN_FRAGMENT = "/~:@!$&'()*+,;=?"


def pointer_to(*tokens: str | int) -> str:
    """A pointer from unescaped tokens."""
    pointer = "/" + "/".join(map(str, tokens)) if tokens else ""
    # Hardly any token has to be escaped, and large documents have many.
    if "~" in pointer or pointer.count("/") > len(tokens):
        return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)
    return pointer


def unescape(token: str) -> str:
    """A token as it was before it became part of a pointer."""
    return token.replace("~1", "/").replace("~0", "~")


def tokens(pointer: str) -> list[str]:
    """The unescaped tokens of a pointer."""
    parts = pointer.split("/")[1:]
    return [unescape(token) for token in parts] if "~" in pointer else parts


def last_token(pointer: str) -> str:
    """The last token of a pointer or a reference by one: the name of a component."""
    return unescape(pointer.rpartition("/")[2])


def component_named(name: str, section: str, known: Container[str]) -> str:
    """The component of a section that a name means: the one that is called so, else the one that it is a reference to
    (OpenAPI 3.2.0, "Security Requirement Object")."""
    path = tokens(pointer_in(name)) if name.startswith("#/") and name not in known else []
    return path[2] if path[:2] == ["components", section] and len(path) == 3 else name


def look_up(value: object, pointer: str) -> Any:
    """What stands at a pointer.

    Raises:
        LookupError: nothing does.
    """
    return descend(value, tokens(pointer))


def descend(value: object, path: Iterable[str]) -> Any:
    """What the unescaped tokens of a pointer lead to.

    Raises:
        LookupError: nothing is there.
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
    """A reference to a pointer of the same document."""
    return "#" + quote(pointer, safe=_IN_FRAGMENT)


def pointer_in(reference: str) -> str:
    """The pointer in a reference to the same document."""
    return unquote(reference.removeprefix("#"))
