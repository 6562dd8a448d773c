"""Vectors in the API's two formats: numbers, and little-endian 32-bit floats in base64."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

Vector = Sequence[float] | bytes


def as_numbers(vector: Vector) -> list[float]:
    """A vector as a list of numbers."""
    return [*(struct.unpack(f"<{len(vector) // 4}f", vector) if isinstance(vector, bytes) else vector)]


def as_base64(vector: Vector) -> str:
    """A vector as base64 text."""
    data = vector if isinstance(vector, bytes) else struct.pack(f"<{len(vector)}f", *vector)
    return base64.b64encode(data).decode()


def length_of(vector: Vector) -> int:
    """The number of dimensions of a vector."""
    return len(vector) // 4 if isinstance(vector, bytes) else len(vector)
