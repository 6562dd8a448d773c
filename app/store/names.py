"""The names of keys, projects and models."""

from __future__ import annotations

import re

from ..errors import BadRequest
from .tables import MODEL, NAME

_NAME = re.compile(rf"[A-Za-z0-9._@-]{{1,{NAME}}}")
# What keys of the settings and of the file of keys are called: so many characters of their digest.
SHORT_NAME = 8
_SHORT_NAME = re.compile(rf"[0-9a-f]{{{SHORT_NAME}}}")

DEFAULT_PROJECT = "default"


def is_name(text: str) -> bool:
    """Return whether a text can be the name of a key or of a project."""
    return _NAME.fullmatch(text) is not None


def is_short_name(text: str) -> bool:
    """Return whether a text looks like the short name of a key from the settings or from the file of keys."""
    return _SHORT_NAME.fullmatch(text) is not None


def is_model(text: str) -> bool:
    """Return whether a text can be the id of a model. Every database can store it."""
    return 0 < len(text) <= MODEL and text.isprintable()


def check_name(text: str, param: str = "name") -> None:
    """Validate the name of a key or of a project.

    Raises:
        BadRequest: it is not one.
    """
    if not is_name(text):
        raise BadRequest(
            f"Invalid '{param}': a name has 1 to {NAME} characters, which are letters, digits and ._@- of ASCII.",
            param=param,
            code="invalid_value",
        )


def check_models(models: tuple[str, ...], param: str = "models") -> None:
    """Validate the ids of models.

    Raises:
        BadRequest: one cannot be the id of a model.
    """
    if not all(map(is_model, models)):
        raise BadRequest(
            f"Invalid '{param}': the id of a model has 1 to {MODEL} printable characters.",
            param=param,
            code="invalid_value",
        )
