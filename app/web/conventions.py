"""The error format and the end of streams. Ours are those of OpenAI, whatever the document says.

Under another author's document that document's own conventions can be used: see `app.web.document_conventions`.
"""

from __future__ import annotations

from ..errors import ApiError
from ..jsontypes import Json
from . import sse


def envelope(error: ApiError) -> Json:
    """Return the body of an error."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


class Conventions:
    """``operation`` is the key of the operation that a request was routed to; None: it was routed to no operation."""

    async def answer(self, operation: str | None, error: ApiError, request_id: str) -> tuple[bytes, str]:
        """Return the body of an answer that reports an error, and its media type."""
        return sse.to_json(envelope(error)), "application/json"

    async def event(self, operation: str | None, error: ApiError, request_id: str, *, named: bool) -> bytes:
        """Return the event that reports an error after a stream has begun; ``named``: its events have names."""
        return sse.event(envelope(error))

    def end(self, operation: str | None) -> bytes:
        """Return the end marker of a stream."""
        return sse.DONE


OURS = Conventions()
