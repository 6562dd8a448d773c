"""What is wrong with an instance, and who tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from .pointers import JsonPath


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that an instance breaks.

    ``keyword`` and ``value`` are the schema's, ``path`` leads to the culprit inside the instance; ``branches`` holds
    the faults of each branch of an ``anyOf`` or ``oneOf`` that none fits.
    """

    keyword: str
    value: Any
    path: JsonPath
    branches: tuple[tuple[Fault, ...], ...] = ()


class Validator(Protocol):
    """A compiled schema."""

    def is_valid(self, instance: Any) -> bool: ...

    def faults(self, instance: object) -> Iterator[Fault]: ...
