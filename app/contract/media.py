"""Media types and ranges (RFC 9110, section 8.3 and 12.5.1): which entry of a document's ``content`` applies to a
Content-Type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

# Parameters that describe how a body is encoded, not what it is.
_OF_THE_WIRE = frozenset({"charset", "boundary"})
_PARAMETER = re.compile(r";\s*([^\s=;\"]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s;]*)")

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


def split_type(content_type: str) -> tuple[str, dict[str, str]]:
    """Return ``type/subtype`` and the parameters of a Content-Type; names in lower case, values without quotes."""
    essence, mark, _ = content_type.partition(";")
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(content_type) if mark else ():
        if value[:1] == '"':
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.setdefault(name.lower(), value)
    return essence.strip().lower(), found


def is_json(media_type: str) -> bool:
    """Whether bodies of a type (without parameters) are JSON: subtype ``json`` or suffix ``+json`` (RFC 6839)."""
    subtype = media_type.rpartition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def is_text(media_type: str) -> bool:
    """Whether bodies of a type (without parameters) are text that a schema can describe. XML is not: a schema describes
    the data that it encodes, not its text."""
    return media_type.startswith("text/") and media_type != "text/xml"


class MediaTypes(Generic[T]):
    """The entries of a ``content`` map. The most specific one wins: a type with parameters, then the type without
    parameters, then ``type/*``, then ``*/*``."""

    def __init__(self, content: Mapping[str, T]) -> None:
        self.keys = tuple(content)
        self._plain: dict[str, T] = {}
        self._special: list[tuple[str, dict[str, str], T]] = []
        for key, value in content.items():
            essence, parameters = split_type(key)
            told_apart = {name: text.lower() for name, text in parameters.items() if name not in _OF_THE_WIRE}
            if told_apart:
                self._special.append((essence, told_apart, value))
            else:
                self._plain.setdefault(essence, value)
        self._special.sort(key=lambda entry: -len(entry[1]))

    def __bool__(self) -> bool:
        return bool(self.keys)

    def find(self, media_type: str, parameters: Mapping[str, str] | None = None) -> T | None:
        """Return the entry for a type in lower case, or None."""
        if self._special:
            given = {name: text.lower() for name, text in (parameters or {}).items()}
            for essence, needed, value in self._special:
                if essence == media_type and needed.items() <= given.items():
                    return value
        found = self._plain.get(media_type)
        if found is None:
            found = self._plain.get(media_type.partition("/")[0] + "/*")
        return found if found is not None else self._plain.get("*/*")
