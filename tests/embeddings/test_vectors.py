"""The two forms of a vector."""

from __future__ import annotations

import base64

from app.embeddings.vectors import as_base64, as_numbers

NUMBERS = [1.0, -0.5, 0.0]
# 1.0 and -0.5 as 32-bit floats, the low byte first.
PACKED = bytes.fromhex("0000803f 000000bf 00000000")


def test_numbers_are_32_bit_floats_in_base64_the_low_byte_first() -> None:
    assert as_base64(NUMBERS) == as_base64(PACKED) == base64.b64encode(PACKED).decode()


def test_packed_floats_are_numbers_and_numbers_stay_as_they_are() -> None:
    assert as_numbers(PACKED) == as_numbers(NUMBERS) == NUMBERS
    assert as_numbers([0.1]) == [0.1]  # not rounded to 32 bits
