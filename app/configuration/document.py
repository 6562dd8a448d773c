"""The document to serve and the handlers of its operations, as named by the settings."""

from __future__ import annotations

from pathlib import Path

from ..contract.handlers import Handlers
from ..settings import Settings

OWN_HANDLERS = "app.handlers"


def contract_path(settings: Settings) -> Path:
    """The path of the document to serve: the user's, or the bundled one."""
    return own_contract() if settings.spec is None else settings.spec


def own_contract() -> Path:
    """The path of the bundled document."""
    return own_document("openapi.yaml")


def own_document(name: str) -> Path:
    """The path of a document of ours, in the checkout or in the installed package."""
    here = Path(__file__).parents[1]
    installed = here / "openapi" / name
    return installed if installed.exists() else here.parent / "openapi" / name


def handlers_of(settings: Settings) -> Handlers:
    """The handlers that the settings select: those in the user's packages first, then ours.

    Raises:
        ConfigurationError: a package cannot be imported.
    """
    pairs = (pair.partition("=") for pair in settings.operations)
    return Handlers((*settings.handlers, OWN_HANDLERS), {theirs: ours for ours, _, theirs in pairs})
