"""Cross-origin requests, off unless origins are configured. Every answer carries the headers, errors too."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from ..errors import BadRequest
from .envelope import envelope


class CrossOriginMiddleware(CORSMiddleware):
    """Starlette's, with our one shape of failure for a preflight that is refused."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after"],
            max_age=600,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        headers = {k: v for k, v in response.headers.items() if k not in ("content-length", "content-type")}
        error = BadRequest("This origin may not call the API from a page.", code="cors_refused")
        return JSONResponse(envelope(error), response.status_code, headers)
