"""The faults of an instance, and the protocol of the validators that report them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from .pointers import JsonPath


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that an instance violates.

    ``keyword`` and ``value`` are those of the schema. ``path`` leads to the invalid value inside the instance.
    ``branches`` holds the faults of each branch of an ``anyOf`` or ``oneOf`` that is violated.
    """

    keyword: str
    value: Any
    path: JsonPath
    branches: tuple[tuple[Fault, ...], ...] = ()


class Validator(Protocol):
    """A compiled schema."""

    def is_valid(self, instance: Any) -> bool: ...

    def faults(self, instance: object) -> Iterator[Fault]: ...
