"""The URIs by which the files of a document refer to each other.

A file is known by where it lies, or since OpenAPI 3.2 by the URI that it gives itself in ``$self``, which is then what
its references are relative to (OpenAPI 3.2.0, "OpenAPI Description Structure"; RFC 3986, section 5.1). Nothing is
fetched: a URI means a file that is known by it, or one that lies to the document as the URI does to the document's own.
"""

from __future__ import annotations

import posixpath
from urllib.parse import quote, unquote, urljoin, urlsplit

from ..errors import DocumentError
from .structure import since_3_2

# Files lie in this folder, as far as URIs are concerned.
_PLACE = "file:///"


class Uris:
    """The URIs of files, which are called by their paths below the folder of the first one, which is ``entry``."""

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self._given: dict[str, str] = {}

    def add(self, file: str, content: object) -> None:
        """Take down what a file calls itself.

        Raises:
            DocumentError: that is no URI reference, or has a fragment.
        """
        if not (isinstance(content, dict) and "openapi" in content and since_3_2(content["openapi"])):
            return
        given = content.get("$self")
        if given is None:
            return
        if not isinstance(given, str) or "#" in given or not _is_reference(given):
            raise DocumentError(
                f"{file}: $self is no URI without a fragment, such as https://example.com/openapi.yaml."
            )
        self._given[file] = urljoin(_PLACE + quote(file), given)

    def relative(self, file: str, reference: str) -> str:
        """A reference that stands in a file, by the path from there to the file that is meant. What means none of the
        document's files stays as it is."""
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
