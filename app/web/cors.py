"""Cross-origin requests, off unless origins are configured. Every answer carries the headers, errors too."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from ..errors import BadRequest
from ..frameworks.starlette import RefusingCORSMiddleware
from .conventions import envelope


class CrossOriginMiddleware(RefusingCORSMiddleware):
    """Starlette's, with our one shape of failure for a preflight that is refused."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            _refused,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after"],
            max_age=600,
        )


def _refused(status: int, headers: dict[str, str]) -> Response:
    error = BadRequest("This origin may not call the API from a page.", code="cors_refused")
    return JSONResponse(envelope(error), status, headers)
