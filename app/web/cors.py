"""Cross-origin requests, off unless origins are configured. Every answer has the headers, including errors."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from ..errors import BadRequest
from ..frameworks.starlette import RefusingCORSMiddleware
from .conventions import envelope

_USUAL = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class CrossOriginMiddleware(RefusingCORSMiddleware):
    """Starlette's middleware, with our error format for a preflight that is refused. ``methods`` are those of the
    document; they are allowed in addition to the usual ones."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str], methods: Collection[str] = ()) -> None:
        super().__init__(
            app,
            _refused,
            allow_origins=origins,
            allow_methods=[*_USUAL, *sorted(set(methods) - set(_USUAL))],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after"],
            max_age=600,
        )


def _refused(status: int, headers: dict[str, str]) -> Response:
    error = BadRequest("This origin may not call the API from a page.", code="cors_refused")
    return JSONResponse(envelope(error), status, headers)
