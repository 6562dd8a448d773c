"""Puts the calls of tools together again that a stream has in fragments."""

from __future__ import annotations

from .base import Json


def add_fragment(calls: dict[int, Json], fragment: Json) -> None:
    """Add a fragment of a delta's ``tool_calls`` to the calls so far, by index."""
    call = calls.setdefault(fragment["index"], {})
    for name, value in fragment.items():
        if isinstance(value, dict):
            body = call.setdefault(name, {})
            for key, text in value.items():
                body[key] = body.get(key, "") + text
        elif name != "index":
            call[name] = value
