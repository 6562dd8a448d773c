"""Copies of the bundled model with another chat template, or with none."""

from __future__ import annotations

import struct
from pathlib import Path

from .conftest import BUNDLED

_KEY = b"tokenizer.chat_template"
_ALIGNMENT = 32


def template() -> str:
    """The bundled model's own chat template."""
    data = BUNDLED.read_bytes()
    begin, end = _place(data)
    return data[begin:end].decode()


def with_template(path: Path, text: str) -> Path:
    """Write the bundled model with ``text`` as its chat template to ``path``.

    A comment fills the text up, so that what follows stays where GGUF aligns it.
    """
    data = BUNDLED.read_bytes()
    begin, end = _place(data)
    new = text.encode()
    missing = (end - begin - len(new) - len(b"{##}")) % _ALIGNMENT
    new += b"{#" + b" " * missing + b"#}"
    path.write_bytes(data[: begin - 8] + struct.pack("<Q", len(new)) + new + data[end:])
    return path


def without_template(path: Path) -> Path:
    """Write the bundled model without a chat template to ``path``: under its key's name nobody looks for one."""
    path.write_bytes(BUNDLED.read_bytes().replace(_KEY, _KEY.replace(b"chat", b"chut")))
    return path


def _place(data: bytes) -> tuple[int, int]:
    """Where the template begins and ends: after its key, its type and its length."""
    begin = data.index(_KEY) + len(_KEY) + 4 + 8
    (length,) = struct.unpack_from("<Q", data, begin - 8)
    return begin, begin + length
