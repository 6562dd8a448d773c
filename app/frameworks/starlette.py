"""The undocumented behaviour of Starlette's CORS middleware that we rely on:

- ``preflight_response(request_headers)`` makes the answer to a preflight, whose status is 200 if it is allowed.

Starlette's router is used through Connexion's: see `app.frameworks.connexion`.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp


class RefusingCORSMiddleware(CORSMiddleware):
    """Starlette's middleware, except that ``refuse`` makes the answer to a preflight that is not allowed, from its
    status and headers. The ``options`` are Starlette's."""

    def __init__(self, app: ASGIApp, refuse: Callable[[int, dict[str, str]], Response], **options: object) -> None:
        super().__init__(app, **options)  # type: ignore[arg-type]
        self._refuse = refuse

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        headers = {k: v for k, v in response.headers.items() if k not in ("content-length", "content-type")}
        return self._refuse(response.status_code, headers)
