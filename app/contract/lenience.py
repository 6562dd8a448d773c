"""Finds the usable operations of a document that cannot be changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ..errors import DocumentError
from .operations import Operation
from .security import Security
from .trial import Trial

log = logging.getLogger("parley")


def usable(operations: Iterable[Operation], trial: Trial, security: Security) -> list[Operation]:
    """Return the operations of a lenient document. Those that cannot be used are marked as unusable, and the reasons
    are logged."""
    result = []
    for operation in operations:
        if not operation.fault:
            try:
                trial.run(operation.schemas)
                security.ways_in(operation)
            except DocumentError as error:
                operation = operation.unusable(str(error))
        if operation.fault:
            log.warning("%s answers 501: %s", operation.id, operation.fault)
        result.append(operation)
    return result
