"""Connexion's routing without redirects."""

from __future__ import annotations

from typing import Any

from connexion.middleware.routing import RoutingMiddleware
from starlette.routing import Mount, Router


class ExactRoutingMiddleware(RoutingMiddleware):
    """Routes a path as it is. Starlette answers a slash too many or too few with a redirect, before any key is asked
    for, to an address that it takes from the Host header."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.router.redirect_slashes = False

    def add_api(self, *args: Any, **kwargs: Any) -> None:
        super().add_api(*args, **kwargs)
        for route in self.router.routes:
            if isinstance(route, Mount) and isinstance(route.app, Router):
                route.app.redirect_slashes = False
