"""What a measure is held against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A bound with its unit, and the one that comes ``then``. ``least``: it is to be exceeded, not to be kept below."""

    bound: float
    unit: str = "x"
    then: float | None = None
    least: bool = False

    def met(self, value: float) -> bool:
        """Whether a value is within the bound."""
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        told = f"at {'least' if self.least else 'most'} {self.bound:,g} {self.unit}"
        return told if self.then is None else f"{told}, then {self.then:,g} {self.unit}"
