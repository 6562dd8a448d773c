"""Parley: a chat-completions server whose law is its OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connexion import FlaskApp

    from .settings import Settings
    from .web.reloading import Reloading

__all__ = ["create_app"]


def create_app(settings: Settings | None = None) -> FlaskApp | Reloading:
    """The application, an ASGI callable. ``settings`` default to those of the environment.

    Raises:
        ConfigurationError: a setting, a key file, the model file or the document cannot be used.
    """
    # Not imported before it is needed: the model process and its supervisor import this package too, and stay small.
    from .frameworks import import_connexion

    import_connexion()
    from .wiring import build

    return build(settings)
