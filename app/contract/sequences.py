"""Media types that hold a sequence of items, and the framing of the items in a body (OpenAPI 3.2.0, "Sequential Media
Types"): server-sent events, one JSON text per line (JSONL and its other names), JSON text sequences (RFC 7464), and
parts without names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from ..jsontypes import Json

Framing = Literal["events", "lines", "records", "parts"]

EVENTS = "text/event-stream"
# The media types that the standard names, for messages.
NAMED = f"{EVENTS}, application/jsonl, application/x-ndjson, application/json-seq or multipart/mixed"
# The names of the format with one JSON text per line; only the first is registered.
_LINES = frozenset(
    {
        "application/jsonl",
        "application/x-ndjson",
        "application/ndjson",
        "application/x-jsonlines",
        "application/jsonlines",
    }
)
_LINE_END = re.compile(r"\r\n|\n|\r")
_RECORD = b"\x1e"


def framing_of(media_type: str) -> Framing | None:
    """Return how the items of a media type (without parameters) are delimited; None if it is not a sequence."""
    if media_type == EVENTS:
        return "events"
    if media_type in _LINES:
        return "lines"
    kind, _, subtype = media_type.partition("/")
    if kind == "multipart" and subtype != "form-data":
        return "parts"
    return "records" if subtype == "json-seq" or subtype.endswith("+json-seq") else None


def texts_in(framing: Framing, raw: bytes) -> list[bytes]:
    """Return the JSON texts of a body of lines or records. Blank ones, such as at the end, are skipped."""
    return [text for text in raw.split(_RECORD if framing == "records" else b"\n") if text.strip()]


def joined(framing: Framing, texts: Iterable[bytes]) -> bytes:
    """Return JSON texts without line breaks as a body of lines or records."""
    before = _RECORD if framing == "records" else b""
    return b"".join(before + text + b"\n" for text in texts)


def events_in(text: str) -> list[Json]:
    """Return the events of a stream as objects with their fields ("Interpreting an event stream" in the HTML standard):
    ``data``, ``event`` and ``id`` are strings, ``retry`` is an integer, and missing fields are absent."""
    found: list[Json] = []
    event: Json = {}
    for line in _LINE_END.split(text.removeprefix("\ufeff")):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if "data" in event:
                found.append(event)
            event = {}
        elif name == "data":
            event["data"] = f"{event['data']}\n{value}" if "data" in event else value
        elif name == "event" or (name == "id" and "\0" not in value):
            event[name] = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) < 16:
            event["retry"] = int(value)
    return found
