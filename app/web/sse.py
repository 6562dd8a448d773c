"""Framing of server-sent events, as the WHATWG HTML standard (section 9.2) and the clients of this API have it."""

from __future__ import annotations

import json
from collections.abc import Callable

import orjson

CONTENT_TYPE = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"


# NaN and infinities are not JSON: rather an error here than a client that cannot read the answer.
_strict = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def to_json(value: object) -> bytes:
    """Compact JSON in UTF-8.

    Raises:
        ValueError: NaN, an infinity or a lone surrogate is in it.
    """
    return _strict(value).encode()


def quick_json(value: object) -> bytes:
    """The same some five times as fast, for values that have neither NaN nor infinities, which become null: those that
    were JSON before.

    Raises:
        ValueError: a lone surrogate is in it.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, for example
        return to_json(value)


def event(value: object, write: Callable[[object], bytes] = to_json) -> bytes:
    """One event with JSON data. JSON has no raw line breaks, so one ``data`` line is enough."""
    return b"data: " + write(value) + b"\n\n"


def named_event(value: object, write: Callable[[object], bytes] = to_json) -> bytes:
    """The same, named by its ``type`` if it has one: clients of such streams dispatch on the name."""
    name = value.get("type") if isinstance(value, dict) else None
    named = isinstance(name, str) and name and name.isprintable()
    return (f"event: {name}\n".encode() if named else b"") + event(value, write)
