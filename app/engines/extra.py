"""Parameters beyond the API's that llama.cpp understands: the one place that says what each may be.

An operator lets them through by name. They are then added to the document, which tells of them and checks them. Forms
are such that OpenAPI 3.0 and 3.1 read them alike.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from ..errors import ConfigurationError
from .base import Json

EXTRA_PARAMETERS: Mapping[str, Json] = {
    "top_k": {
        "type": "integer",
        "minimum": 0,
        "maximum": 1_000_000,
        "description": "Draw only from so many of the likeliest tokens; 0: from all. Beyond the API.",
    },
    "min_p": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "Draw only from tokens at least this share as likely as the likeliest. Beyond the API.",
    },
    "typical_p": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "Draw only from the most typical tokens that together reach this share; 1: from all. "
        "Beyond the API.",
    },
    "repeat_penalty": {
        "type": "number",
        "minimum": 0.1,
        "maximum": 10,
        "description": "Divides the logits of tokens that have occurred; 1: none. Beyond the API.",
    },
}


def check_extra(names: Iterable[str], known: Container[str]) -> None:
    """Do nothing when an engine knows all the names.

    Raises:
        ConfigurationError: it does not know one.
    """
    for name in names:
        if name not in known:
            offered = ", ".join(known) if isinstance(known, Mapping) else "none"
            raise ConfigurationError(
                f"PARLEY_EXTRA_PARAMETERS has {name}, which this engine does not know. It knows: {offered}."
            )
