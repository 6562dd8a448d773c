"""All probes there are, and what is not probed."""

from __future__ import annotations

from collections.abc import Callable

from ...contract.document import Document
from ...jsontypes import Json
from ..probe import Probe
from . import choices, errors, formats, length, media, messages, sampling, service, streams, tools
from .bounds import bounds, neutral

FIXED: tuple[Probe, ...] = (
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


def every(document: Document, pointer: str, fits: Callable[[Json], bool]) -> list[Probe]:
    """The probes for a document. ``pointer`` is the schema of its request, ``fits`` says whether one is valid.

    Raises:
        ConfigurationError: a reference in the document is broken.
    """
    return [*FIXED, *bounds(document, pointer, fits), *neutral()]
