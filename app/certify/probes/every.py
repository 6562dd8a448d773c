"""All probes of each operation."""

from __future__ import annotations

from ..operations import CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES
from ..probe import Probe
from ..rules import Rules
from . import (
    choices,
    embeddings,
    errors,
    formats,
    length,
    media,
    messages,
    responses,
    sampling,
    service,
    streams,
    texts,
    tools,
)
from .bounds import bounds, neutral

_CHATS: tuple[Probe, ...] = (
    *messages.PROBES,
    *sampling.PROBES,
    *length.PROBES,
    *choices.PROBES,
    *formats.PROBES,
    *tools.PROBES,
    *streams.PROBES,
    *media.PROBES,
    *service.PROBES,
    *errors.PROBES,
)
_FIXED = {
    CHAT.name: _CHATS,
    COMPLETIONS.name: texts.PROBES,
    EMBEDDINGS.name: embeddings.PROBES,
    RESPONSES.name: responses.PROBES,
}


def every(rules: Rules) -> list[Probe]:
    """The probes of an operation, as defined by a document.

    Raises:
        ConfigurationError: a reference in the document is broken.
    """
    return [*_FIXED[rules.operation.name], *bounds(rules), *neutral(rules.operation)]
