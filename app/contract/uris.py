"""The URIs by which the files of a document refer to each other.

A file is identified by its path or, since OpenAPI 3.2, by the URI in its ``$self``, which is then the base of its
references (OpenAPI 3.2.0, "OpenAPI Description Structure"; RFC 3986, section 5.1). Nothing is fetched: a URI means the
file with that URI, or the file whose path relative to the document equals the URI relative to the document's own.
"""

from __future__ import annotations

import posixpath
from urllib.parse import quote, unquote, urljoin, urlsplit

from ..errors import DocumentError
from .structure import since_3_2

# In URIs, all files are in this folder.
_PLACE = "file:///"


class Uris:
    """The URIs of files. A file is named by its path below the folder of the main file, ``entry``."""

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self._given: dict[str, str] = {}

    def add(self, file: str, content: object) -> None:
        """Record the ``$self`` of a file.

        Raises:
            DocumentError: it is no URI reference, or has a fragment.
        """
        if not (isinstance(content, dict) and "openapi" in content and since_3_2(content["openapi"])):
            return
        given = content.get("$self")
        if given is None:
            return
        if not isinstance(given, str) or "#" in given or not _is_reference(given):
            raise DocumentError(
                f"{file}: $self must be a URI without a fragment, such as https://example.com/openapi.yaml."
            )
        self._given[file] = urljoin(_PLACE + quote(file), given)

    def relative(self, file: str, reference: str) -> str:
        """Return a reference in a file as a relative path from this file to the target file. A reference to none of the
        document's files is returned unchanged."""
        if not self._given or reference.startswith("#"):
            return reference
        target, mark, fragment = urljoin(self._base(file), reference).partition("#")
        found = next((name for name, uri in self._given.items() if uri == target), None)
        if found is None:
            folder = self._base(self._entry).rpartition("/")[0] + "/"
            if not target.startswith(folder):
                return reference
            found = unquote(target.removeprefix(folder))
        if found == file:
            return mark + fragment or "#"
        return quote(posixpath.relpath(found, posixpath.dirname(file) or ".")) + mark + fragment

    def _base(self, file: str) -> str:
        return self._given.get(file, _PLACE + quote(file))


def _is_reference(text: str) -> bool:
    try:
        urlsplit(text)
    except ValueError:
        return False
    return bool(text)
