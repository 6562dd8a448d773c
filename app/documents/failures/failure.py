"""The parts of an error, and the possible values for each, the best first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ...errors import ApiError


@dataclass(frozen=True, slots=True)
class Failure:
    """The content of an error. ``param`` is a path such as ``messages[1].role``; ``code`` and ``param`` may be None."""

    status: int
    message: str
    type: str
    code: str | None
    param: str | None
    request_id: str

    @classmethod
    def of(cls, error: ApiError, request_id: str) -> Failure:
        return cls(error.status, error.message, error.type, error.code, error.param, request_id)

    @property
    def phrase(self) -> str:
        """The reason phrase of the status."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "Error"

    def ways(self, part: str) -> Iterator[Any]:
        """Yield the possible values of a part: one of those that `app.documents.failures.parts.slots_of` gives."""
        if part == "message":
            yield from (self.message, re.split(r"(?<=[.!?])\s", self.message, maxsplit=1)[0], self.phrase)
        elif part == "code":
            yield from (self.code or self.type, self.status, str(self.status), *self._phrases())
        elif part == "type":
            yield from (self.type, self.code or self.type, *self._phrases(), "about:blank")
        elif part == "uri":
            yield "about:blank"  # RFC 9457, section 4.2.1: a problem that its status describes
        elif part == "status":
            yield from (self.status, str(self.status), *self._phrases())
        elif part == "title":
            yield from (self.phrase, self.message)
        elif part == "request":
            yield self.request_id
        elif part in ("true", "false"):
            yield part == "true"
        elif self.param is not None:
            yield from self._places(part)

    def _places(self, part: str) -> Iterator[Any]:
        names = [int(name) if name.isdigit() else name for name in re.findall(r"[^.\[\]]+", self.param or "")]
        if part == "pointer":
            yield "".join(f"/{name}" for name in names)
        elif part == "path":
            yield from (names, [str(name) for name in names])
        yield self.param

    def _phrases(self) -> tuple[str, ...]:
        """Return the phrase in the spellings that documents use in enums."""
        words = self.phrase.lower().replace("-", " ").split()
        small = "_".join(words)
        capital = "".join(word.capitalize() for word in words)
        return (small, small.upper(), self.phrase, capital, small.replace("_", "-"), small.replace("_", " "))
