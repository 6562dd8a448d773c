"""Framing of server-sent events, as the WHATWG HTML standard (section 9.2) and the clients of this API have it."""

from __future__ import annotations

import json
from typing import Any

CONTENT_TYPE = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"

# NaN and infinities are not JSON: rather an error here than a client that cannot read the answer.
# Answers have no circles.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode


def to_json(value: Any) -> bytes:
    """Compact JSON in UTF-8.

    Raises:
        ValueError: NaN, an infinity or a lone surrogate is in it.
    """
    return _encode(value).encode()


def event(value: Any) -> bytes:
    """One event with JSON data. JSON has no raw line breaks, so one ``data`` line is enough."""
    return b"data: " + _encode(value).encode() + b"\n\n"


def named_event(value: Any) -> bytes:
    """The same, named by its ``type`` if it has one: clients of such streams dispatch on the name."""
    name = value.get("type") if isinstance(value, dict) else None
    named = isinstance(name, str) and name and name.isprintable()
    return (f"event: {name}\n".encode() if named else b"") + event(value)
