"""The document converted to other versions of OpenAPI, for programs that support only those."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Literal

from ..contract.document import Document

Version = Literal["3.0", "3.1", "3.2"]
VERSIONS: tuple[Version, ...] = ("3.0", "3.1", "3.2")


class Versions:
    """Each version is made on first request and cached. A thread makes it, since a large document takes a while."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._lock = asyncio.Lock()
        self._made: dict[Version, tuple[bytes, str]] = {}

    async def read(self, version: Version) -> tuple[bytes, str]:
        """Return the document as JSON, and its entity tag.

        Raises:
            DocumentError: a reference is broken.
        """
        async with self._lock:
            if version not in self._made:
                self._made[version] = await asyncio.to_thread(self._make, version)
            return self._made[version]

    def _make(self, version: Version) -> tuple[bytes, str]:
        # Imported here, because most servers never get such a request.
        from ..contract.loading import to_json
        from ..documents.convert.versions import to_version

        body = to_json(to_version(self._document, version).content, self._document.source)
        return body, sha256(body).hexdigest()[:32]
