"""Whether a parameter at the end of a path takes the rest of it, slashes included, as model ids such as ``org/name``
require.

OpenAPI's own parameters take no slash. One whose pattern allows none is kept to that, so that a longer path is not
taken for a value of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .document import Document, templates
from .parameters import Parameter
from .pointers import look_up

# A pattern for texts of one class of characters. What others allow is not determined.
_CLASS = re.compile(r"\^(\[[^\[\]\\]+\])(?:[+*]|\{\d+(?:,\d*)?\})\$")


def takes_rest(document: Document, path: str, parameters: Iterable[Parameter]) -> bool:
    """Return whether the parameter at the end of a path takes slashes; False: there is none, or it does not.

    Raises:
        DocumentError: the reference of its schema is broken.
    """
    if not path.endswith("}"):
        return False
    last = list(templates(path))[-1]
    pointers = [each.schema for each in parameters if each.location == "path" and each.name == last]
    for pointer in filter(None, pointers):
        schema, _ = document.resolve(look_up(document.content, pointer))
        pattern = schema.get("pattern") if isinstance(schema, dict) else None
        found = _CLASS.fullmatch(pattern) if isinstance(pattern, str) else None
        if found is not None and not _has_slash(found[1]):
            return False
    return True


def _has_slash(characters: str) -> bool:
    try:
        return re.fullmatch(characters, "/") is not None
    except re.error:
        return True
