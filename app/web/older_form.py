"""The document in OpenAPI 3.0, for generators that know nothing newer."""

from __future__ import annotations

import asyncio
from hashlib import sha256

from ..contract.document import Document


class OlderForm:
    """Made when it is first asked for, in a thread: a large document takes a while."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._lock = asyncio.Lock()
        self._made: tuple[bytes, str] | None = None

    async def read(self) -> tuple[bytes, str]:
        """The document as JSON, and its tag.

        Raises:
            DocumentError: a reference is broken.
        """
        async with self._lock:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
            return self._made

    def _make(self) -> tuple[bytes, str]:
        # Imported here, as most servers are never asked.
        from ..contract.loading import to_json
        from ..documents.convert.document import to_3_0

        body = to_json(to_3_0(self._document).content, self._document.source)
        return body, sha256(body).hexdigest()[:32]
