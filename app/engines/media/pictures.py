"""Determines the type and the size of a picture from its header alone, without decoding it."""

from __future__ import annotations

import struct


def kind_of(data: bytes) -> str | None:
    """Return the media type by the first bytes: that of JPEG, PNG, GIF or BMP, else None."""
    for start, kind in (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"BM", "image/bmp"),
    ):
        if data.startswith(start):
            return kind
    return None


def _unpack(form: str, data: bytes, at: int) -> tuple[int, int] | None:
    try:
        width, height = struct.unpack_from(form, data, at)
    except struct.error:
        return None
    return abs(width), abs(height)


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR":
        return None
    return _unpack(">II", data, 16)


def _gif_size(data: bytes) -> tuple[int, int] | None:
    return _unpack("<HH", data, 6)


def _bmp_size(data: bytes) -> tuple[int, int] | None:
    old = data[14:18] == b"\x0c\x00\x00\x00"
    return _unpack("<HH", data, 18) if old else _unpack("<ii", data, 18)


_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length field
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})  # markers in the range of frame headers that are none


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Read the size from the first frame header, going through the segments from marker to marker."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _NO_LENGTH:
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            size = _unpack(">HH", data, at + 5)
            return (size[1], size[0]) if size else None
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


_SIZES = {"image/png": _png_size, "image/gif": _gif_size, "image/bmp": _bmp_size, "image/jpeg": _jpeg_size}


def size_of(data: bytes, kind: str) -> tuple[int, int] | None:
    """Return width and height in pixels; None if the header of this media type does not have them."""
    size = _SIZES[kind](data)
    return None if size is None or min(size) < 1 else size
