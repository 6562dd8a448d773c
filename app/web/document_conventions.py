"""The error format and the end of streams as the document in force describes them, where it does.

An error uses the first JSON media type that the document lists for its status and whose schema has a place for a
message. If the document lists nothing for the status, the error uses that of another status, provided that it contains
nothing but the error. In a stream, an error is the event that the document has for failures, else that body. Without
any of these, and for paths that the document does not have, errors have our format. ``[DONE]`` ends the streams of
operations that mention it: in their descriptions, schemas, examples or extensions, or in what these refer to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from ..contract.document import Document
from ..contract.operations import Operation
from ..contract.pointers import reference_to
from ..contract.schemas import Schemas
from ..documents.failures.answers import failing, json_media, similar, speaks_of
from ..documents.failures.failure import Failure
from ..documents.failures.shape import Shape, failing_event, shape_of
from ..documents.samples.responses import responses
from ..documents.samples.samples import Samples
from ..errors import ApiError
from . import sse
from .conventions import Conventions, envelope

log = logging.getLogger("parley")

_EVENTS = "text/event-stream"
_MARK = "[DONE]"

# The media types that an error may have, in order of preference, each with the way its schema expresses an error.
Shapes = list[tuple[str, Shape]]


class DocumentConventions(Conventions):
    """The conventions of a document. ``schemas`` compile its schemas."""

    def __init__(self, document: Document, schemas: Schemas, operations: Iterable[Operation]) -> None:
        self._document = document
        self._samples = Samples(schemas)
        self._operations = {operation.key: operation for operation in operations if not operation.fault}
        self._listed = {key: responses(document, operation) for key, operation in self._operations.items()}
        self._answers: dict[tuple[str, str], Shapes] = {}
        self._events: dict[str, Shape | None] = {}
        self._marked: dict[str, bool] = {}
        # A search may take long, so it runs in a thread while other requests are served. Only one runs at a time.
        self._searching = asyncio.Lock()

    async def answer(self, operation: str | None, error: ApiError, request_id: str) -> tuple[bytes, str]:
        for media_type, shape in await self._shapes(operation, error.status):
            told = shape.tell(Failure.of(error, request_id), envelope(error))
            if told is not None:
                return sse.to_json(told), media_type
        return await super().answer(operation, error, request_id)

    async def event(self, operation: str | None, error: ApiError, request_id: str, *, named: bool) -> bytes:
        event = await self._event(operation)
        bodies = [shape for _, shape in await self._shapes(operation, error.status)]
        for shape in (*([event] if event else []), *bodies):
            told = shape.tell(Failure.of(error, request_id), envelope(error))
            if told is not None:
                return sse.named_event(told) if named else sse.event(told)
        return await super().event(operation, error, request_id, named=named)

    def end(self, operation: str | None) -> bytes:
        if operation not in self._operations:
            return super().end(operation)
        if operation not in self._marked:
            self._marked[operation] = speaks_of(self._document, self._operations[operation], _MARK)
        return sse.DONE if self._marked[operation] else b""

    async def _shapes(self, operation: str | None, status: int) -> Shapes:
        """Return the shapes in which an operation reports errors of a status."""
        if operation is None or operation not in self._listed:
            return []
        listed = self._listed[operation]
        if (key := failing(listed, status)) is not None:
            return await self._listed_shapes(operation, key)
        if "default" in listed:  # it applies to this status, and is not for errors
            return []
        found = [shape for key in similar(listed, status) for shape in await self._listed_shapes(operation, key)]
        return [(media_type, shape) for media_type, shape in found if shape.is_plain]

    async def _listed_shapes(self, operation: str, key: str) -> Shapes:
        if (operation, key) not in self._answers:
            async with self._searching:
                if (operation, key) not in self._answers:
                    self._answers[operation, key] = await asyncio.to_thread(self._find, operation, key)
        return self._answers[operation, key]

    def _find(self, operation: str, key: str) -> Shapes:
        media = json_media(self._listed[operation][key])
        found: Shapes = []
        for each in media:
            shape = shape_of(self._samples, self._place(each.schema or ""), each.examples.values())
            if shape is not None:
                found.append((each.type, shape))
        if media and not found:
            log.warning(
                "%s: the document's answer %s has no property for the message of an error; such errors are sent "
                "in Parley's own form",
                self._operations[operation].id,
                key,
            )
        return found

    async def _event(self, operation: str | None) -> Shape | None:
        """Return the shape in which an operation reports a failure in the middle of a stream."""
        if operation not in self._operations:
            return None
        if operation not in self._events:
            async with self._searching:
                if operation not in self._events:
                    self._events[operation] = await asyncio.to_thread(self._find_event, operation)
        return self._events[operation]

    def _find_event(self, operation: str) -> Shape | None:
        pointer = self._operations[operation].response_schema(200, _EVENTS)
        if pointer is None or pointer in self._operations[operation].items:
            return None  # a schema for whole events does not contain the body of an error
        failures = [response for key, response in self._listed[operation].items() if key[0] in "45d"]
        bodies = [media.schema for response in failures for media in json_media(response) if media.schema]
        return failing_event(self._samples, self._place(pointer), map(self._place, bodies))

    def _place(self, pointer: str) -> str:
        """Return the pointer at which references to a schema end, so that each schema is examined only once."""
        _, followed = self._document.resolve({"$ref": reference_to(pointer)})
        return followed or pointer
