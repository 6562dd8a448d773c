"""Events of a stream that differ from the one before in their text alone, as most do. Of such an event only the text is
parsed: the rest is compared with that of the one before, byte by byte, which takes a fraction of the time."""

from __future__ import annotations

import re

import jiter

from ...errors import UpstreamFailed
from ...jsontypes import Json
from .reading import parse

_CONTENT = re.compile(rb'"content"[ \t\r\n]*:[ \t\r\n]*("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)
# The most bytes of an event that is compared, or of which a template is made.
_LARGEST = 4096
_PROBE = "\x01"
_PROBE_TEXT = b'"\\u0001"'


class Template:
    """An event around the text of its only choice. ``used``: another event was like it."""

    __slots__ = ("_after", "_before", "_begin", "_end", "used")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after = before, after
        self._begin, self._end = len(before), -len(after)
        self.used = False

    def text(self, data: bytes) -> str | None:
        """Return the text of an event that has nothing else of its own; None: it is not like the template."""
        if len(data) <= _LARGEST and data.startswith(self._before) and data.endswith(self._after):
            try:
                # A string of JSON in the place of another one changes nothing but the value there.
                text = jiter.from_json(data[self._begin : self._end], cache_mode="none")
            except ValueError:
                return None
            if type(text) is str:
                self.used = True
                return text
        return None


def template_of(data: bytes, event: Json) -> Template | None:
    """Return the template of an event whose only choice has a text as the only member of its delta. None: the place of
    the text in the ``data`` of the event is not certain."""
    found = _CONTENT.search(data) if len(data) <= _LARGEST else None
    if found is None:
        return None
    before, after = data[: found.start(1)], data[found.end(1) :]
    try:
        probe = parse(before + _PROBE_TEXT + after)
    except UpstreamFailed:  # what was found is in the middle of something else
        return None
    (choice,) = event["choices"]
    if choice["delta"]["content"] == _PROBE:
        return None  # it would be the same wherever the probe is
    same = {**event, "choices": [{**choice, "delta": {"content": _PROBE}}]}
    return Template(before, after) if probe == same else None
