"""Valid instances of a document's schemas: from its examples where they fit, else made.

Whatever is given fits by the document's own validator. What the document allows is searched within a bounded time;
a schema that nothing fits, or nothing that was found, is an error that says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random
from typing import Any

from .conjunction import Source
from .document import Document
from .instances import Exhausted, Maker, Taste
from .patterns import NoInstance
from .schemas import Schemas

__all__ = ["NoInstance", "Samples"]

_SECONDS = 3.0
_TRIES = 6


class Samples:
    """Samples of the schemas at JSON pointers of a document."""

    def __init__(self, document: Document, schemas: Schemas) -> None:
        self._source = Source(document.schema_source())
        self._schemas = schemas
        self._known: dict[tuple[str, int | None, bool], Any] = {}

    def sample(self, pointer: str, *, seed: int | None = None, request: bool = False) -> Any:
        """An instance of the schema at a pointer, the same for the same seed; not to be altered.

        Without a seed it is small and plain, from examples, defaults and first values; with one it is random.
        ``request``: it has no read-only properties, else no write-only ones, but for those that are required.

        Raises:
            NoInstance: none was found.
            ConfigurationError: the schema cannot be compiled.
        """
        key = (pointer, seed, request)
        if seed is not None:
            return self._search(*key)
        if key not in self._known:
            try:
                self._known[key] = self._search(*key)
            except NoInstance as error:
                self._known[key] = error  # nor is it searched for twice
        found = self._known[key]
        if isinstance(found, NoInstance):
            raise found
        return found

    def fits(self, pointer: str, value: Any) -> bool:
        """Whether a value fits the schema at a pointer."""
        return self._schemas.validator(pointer).is_valid(value)

    def _search(self, pointer: str, seed: int | None, request: bool) -> Any:
        deadline = time.monotonic() + _SECONDS
        for maker in self._makers(seed, "readOnly" if request else "writeOnly"):
            try:
                value = maker.make((pointer,))
            except (NoInstance, Exhausted, RecursionError):
                continue
            if self.fits(pointer, value):
                return value
            if time.monotonic() > deadline:
                break
        raise NoInstance(f"nothing was found that fits the schema at {pointer}")

    def _makers(self, seed: int | None, hidden: str) -> Iterator[Maker]:
        """The fastest first, then ever more varied ones."""
        plain = Taste(seed is not None, hidden)
        for careful in (False, True):
            yield Maker(self._source, self.fits, plain, Random(seed or 0), careful=careful)
        for attempt in range(1, _TRIES):
            dice = Random((seed or 0) * 1_000_003 + attempt)
            taste = Taste(attempt > 1 or plain.dynamic, hidden, optional=False if attempt % 2 else None)
            yield Maker(self._source, self.fits, taste, dice, careful=True, seconds=0.5)
