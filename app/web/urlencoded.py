"""Parses the fields of ``application/x-www-form-urlencoded``, and lets other tasks of the event loop run meanwhile."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_to_bytes

from ..contract.forms import FormField
from ..contract.styles import as_text, decode
from ..errors import BadRequest, ContentTooLarge

MAX_FIELDS = 10_000
# The characters that are decoded before the event loop runs other tasks; some milliseconds at worst.
_SLICE = 1 << 16


async def read_urlencoded(raw: bytes, max_values: int) -> list[FormField]:
    """Return the fields of a body. It may have ``max_values`` fields and percent-encoded bytes in total, because these,
    unlike plain bytes, take time to decode.

    Raises:
        BadRequest: its bytes, or the percent-encoded ones, are not UTF-8.
        ContentTooLarge: it has too many fields, or too many percent-encoded bytes.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.", code="invalid_form") from None
    marks = raw.count(b"&")
    if marks >= MAX_FIELDS:
        raise ContentTooLarge(f"The form has more than the {MAX_FIELDS} fields that are accepted.")
    if marks + 1 + raw.count(b"%") > max_values:
        raise ContentTooLarge(
            f"The form has more than the {max_values} fields and percent-encoded bytes that are accepted."
        )
    fields, done = [], 0
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            name = await _decode(name)
            fields.append(FormField(name, await _decode(value, name), raw=value))
            done += len(part)
            if done > _SLICE:
                done = 0
                await asyncio.sleep(0)
    return fields


async def _decode(text: str, name: str | None = None) -> str:
    """Do the same as `decode`, slice by slice."""
    if len(text) <= _SLICE or "%" not in text:
        return decode(text, plus=True, name=name)
    text = text.replace("+", " ")
    pieces, start = [], 0
    while start < len(text):
        end = start + _SLICE
        # An escape that begins at the very end is left to the next slice, so that none is cut.
        cut = text.rfind("%", end - 2, end) if end < len(text) else -1
        end = cut if cut >= 0 else end
        pieces.append(unquote_to_bytes(text[start:end]))
        start = end
        await asyncio.sleep(0)
    return as_text(b"".join(pieces), name)
