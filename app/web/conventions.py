"""What errors look like, and how streams end: ours, which is OpenAI's, whatever the document says.

Under another author's document it may be had as that document has it: `app.web.document_conventions`.
"""

from __future__ import annotations

from ..errors import ApiError
from ..jsontypes import Json
from . import sse


def envelope(error: ApiError) -> Json:
    """The body of an error."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


class Conventions:
    """Asked with the key of the operation that a request was routed to; None: with no operation."""

    async def answer(self, operation: str | None, error: ApiError, request_id: str) -> tuple[bytes, str]:
        """The body that tells of an error as a whole answer, and its media type."""
        return sse.to_json(envelope(error)), "application/json"

    async def event(self, operation: str | None, error: ApiError, request_id: str, *, named: bool) -> bytes:
        """The event that tells of an error when a stream has begun; ``named``: its events bear names."""
        return sse.event(envelope(error))

    def end(self, operation: str | None) -> bytes:
        """What ends a stream that is marked as ended."""
        return sse.DONE


OURS = Conventions()
