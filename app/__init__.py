"""Parley: a chat-completions server that follows its OpenAPI document.

The names listed here are public. The package `parley` exports the same names; import them from there, because an
``app.py`` of yours would shadow this package. Everything else is private.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connexion import FlaskApp

    from .admin.beside import Beside
    from .errors import ApiError
    from .settings import Settings
    from .web.answers import Event, Reply, Stream
    from .web.exchange import Request
    from .web.reloading import Reloading
    from .web.uploads import Upload

__all__ = ["ApiError", "Event", "Reply", "Request", "Settings", "Stream", "Upload", "create_app"]

# Imported lazily: the model process and its supervisor import this package too, and must stay small.
_PLACES = {
    "ApiError": ".errors",
    "Event": ".web.answers",
    "Reply": ".web.answers",
    "Request": ".web.exchange",
    "Settings": ".settings",
    "Stream": ".web.answers",
    "Upload": ".web.uploads",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def create_app(settings: Settings | None = None) -> FlaskApp | Reloading | Beside:
    """Return the application, an ASGI callable. ``settings`` default to those read from the environment.

    Raises:
        ConfigurationError: a setting, a key file, the model file or the document cannot be used.
    """
    from .frameworks.importing import import_connexion

    import_connexion()
    from .wiring import build

    return build(settings)
