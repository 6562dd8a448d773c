"""Provides valid instances of a document's schemas: from its examples if they are valid, else generated.

Every instance is validated by the document's own validator. The search time is bounded. A schema that allows no value,
or for which none was found, raises an error that says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random
from typing import Any

from ...contract.schemas import Schemas
from ...contract.upgrade import Direction
from .conjunction import Source, branches
from .instances import Exhausted, SampleMaker
from .parts import SampleOptions
from .patterns import NoInstance

__all__ = ["NoInstance", "Samples"]

_SECONDS = 3.0
_TRIES = 6


class Samples:
    """Samples of the schemas at JSON pointers of a document, for one direction of an exchange."""

    def __init__(self, schemas: Schemas, direction: Direction = "response") -> None:
        self._source = Source(schemas.source(direction))
        self._schemas = schemas
        self._direction = direction
        self._known: dict[str, Any] = {}

    def sample(self, pointer: str, seed: int | None = None) -> Any:
        """Return an instance of the schema at a pointer, the same for the same seed. The caller must not modify it.

        Without a seed it is small and plain, from examples, defaults and first values; with a seed it is random.

        Raises:
            NoInstance: none was found.
            ConfigurationError: the schema cannot be compiled.
        """
        if pointer not in self._known:
            try:
                self._known[pointer] = self._search(pointer, None)
            except NoInstance as error:
                self._known[pointer] = error  # cache the failure, so that the search is not repeated
        found = self._known[pointer]
        if isinstance(found, NoInstance):
            raise NoInstance(*found.args)
        if seed is None:
            return found
        try:
            return self._search(pointer, seed)
        except NoInstance:
            return found

    def fits(self, pointer: str, value: object) -> bool:
        """Whether a value is valid under the schema at a pointer."""
        return self._schemas.validator(pointer, self._direction).is_valid(value)

    def branches(self, pointer: str) -> list[str]:
        """Return the pointers of the branches of a union, with nested unions flattened; else the schema's pointer."""
        found: list[str] = []
        todo, seen = [pointer], set[str]()
        while todo:
            at = todo.pop(0)
            if at in seen:
                continue
            seen.add(at)
            node = self._source.node(at)
            inner = list(filter(None, [self._source.target(node)])) if isinstance(node, dict) else []
            for union in ("oneOf", "anyOf") if isinstance(node, dict) else ():
                inner = inner or branches(at, node, union)
            todo[:0] = inner
            found += [] if inner else [at]
        return found

    def _search(self, pointer: str, seed: int | None) -> Any:
        self._source.height(pointer)  # raises if the schema is endless
        deadline = time.monotonic() + _SECONDS
        for maker in self._makers(seed):
            try:
                value = maker.make((pointer,))
            except (NoInstance, Exhausted, RecursionError):
                continue
            if self.fits(pointer, value):
                return value
            if time.monotonic() > deadline:
                break
        raise NoInstance(f"nothing was found that fits the schema at {pointer}")

    def _makers(self, seed: int | None) -> Iterator[SampleMaker]:
        """Yield makers: the fastest first, then increasingly varied ones."""
        for careful in (False, True):
            yield SampleMaker(
                self._source, self.fits, SampleOptions(seed is not None), Random(seed or 0), careful=careful
            )
        for attempt in range(1, _TRIES):
            rng = Random((seed or 0) * 1_000_003 + attempt)
            options = SampleOptions(attempt > 1 or seed is not None, optional=False if attempt % 2 else None)
            yield SampleMaker(self._source, self.fits, options, rng, careful=True, seconds=0.5)
