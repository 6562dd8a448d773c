"""Handlers for operations without one: their answers come from the document's examples, or are made from its schemas.

A client chooses an answer with ``Prefer`` (see `app.web.prefer`) and ``Accept``. Every answer fits the document; if it
cannot be made, an error says so.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ..contract.document import Document
from ..contract.media import is_json, split_type
from ..contract.operations import Operation
from ..contract.schemas import Schemas
from ..contract.sequences import EVENTS, framing_of
from ..documents.samples.responses import Header, Response, ResponseMedia, responses
from ..documents.samples.samples import NoInstance, Samples
from ..errors import BadRequest, NotAcceptable, ServerError
from ..jsontypes import Json
from . import mock_sequences as sequences
from . import sse
from .answers import Reply, Stream
from .conventions import Conventions
from .exchange import Request
from .prefer import Preferences, acceptable, read_preferences

_EMPTY = (204, 205, 304)
# The number of events in a stream whose events are all of one kind.
_EVENTS_OF_ONE_KIND = 3
# Headers that the server itself sets, or that control the transfer of a message.
_OWN_HEADERS = frozenset(
    {"content-type", "content-length", "transfer-encoding", "connection", "date", "server", "x-request-id"}
)
# The last words of the event types that begin and end a stream, and of those that report failures.
_ORDER = {"created": 0, "queued": 1, "in_progress": 2, "completed": 4}
_FAILURES = frozenset({"error", "failed", "incomplete", "cancelled", "expired"})


class Mocks:
    """Makes the mock handlers."""

    def __init__(self, document: Document, schemas: Schemas, conventions: Conventions) -> None:
        self._document = document
        self._conventions = conventions
        self._samples = Samples(schemas)

    def handler(self, operation: Operation) -> Callable[..., Awaitable[Reply | Stream]]:
        """Return a mock handler for an operation, in the form that `app.web.view` expects."""
        end = partial(self._conventions.end, operation.key)
        mock = _Mock(operation, responses(self._document, operation), self._samples, end)

        async def answer(request: Request, body: object = None) -> Reply | Stream:
            preferences = read_preferences(request.lines("prefer"))
            if preferences.dynamic and preferences.seed is None:
                preferences = replace(preferences, seed=secrets.randbits(32))
            request.log["mock"] = "dynamic" if preferences.dynamic else "static"
            # A search may take long, so it runs in a thread while other requests are served.
            return await asyncio.to_thread(partial(mock.answer, preferences, ", ".join(request.lines("accept")), body))

        return answer


class _Mock:
    """The mock of one operation. ``end`` returns the end marker of a stream."""

    def __init__(
        self, operation: Operation, listed: Mapping[str, Response], samples: Samples, end: Callable[[], bytes]
    ) -> None:
        self.id, self.listed, self.samples, self.end = operation.id, listed, samples, end

    def answer(self, wanted: Preferences, accept: str, body: object) -> Reply | Stream:
        response, status = self._response(wanted.code)
        try:
            headers = {**self._headers(response.headers, wanted.seed), **wanted.applied()}
            if status in _EMPTY or not response.media:
                if wanted.example is not None:
                    raise _unknown_example([])
                return Reply(None, status, headers)
            media = _media(response.media, wanted.example, accept, body)
            framing = framing_of(split_type(media.type)[0])
            if framing == "events":
                return self._stream(media, wanted, status, headers, body)
            if framing in ("lines", "records") and media.item is not None:
                return Reply(sequences.items(media, wanted, self.samples), status, headers, media.type)
            value, media_type = self._value(media, wanted), _concrete(media.type)
            if not is_json(split_type(media_type)[0]):
                return Reply(_text(value, media_type), status, headers, media_type)
            return Reply(self._echo(value, media, wanted, status, body), status, headers, media_type)
        except NoInstance:
            raise ServerError(
                f"No answer that fits the document was found for {self.id} with status {status}. An example in the "
                "document that fits its schema helps.",
                code="no_mock",
            ) from None

    def _response(self, code: int | None) -> tuple[Response, int]:
        if code is not None:
            for key in (str(code), f"{code // 100}XX", "default"):
                if key in self.listed:
                    return self.listed[key], code
            raise BadRequest(
                f"Invalid value for 'Prefer': the document lists no answer {code} for {self.id}. It lists: "
                f"{', '.join(self.listed)}.",
                param="Prefer",
                code="invalid_value",
            )
        found = sorted((r for r in self.listed.values() if r.key[0] == "2"), key=lambda r: r.status)
        found += [self.listed["default"]] if "default" in self.listed else []
        found += [r for r in self.listed.values() if r.key[0] in "345"]
        if not found:
            return Response("204", (), ()), 204  # the document lists no answers
        return found[0], found[0].status

    def _value(self, media: ResponseMedia, wanted: Preferences) -> Any:
        if wanted.example is not None:
            value = media.examples[wanted.example]
            if not self._fits(media.schema, value):
                raise ServerError(
                    f"The example that is asked for does not fit its schema in the document of {self.id}; it is not "
                    "sent.",
                    code="no_mock",
                )
            return value
        if not wanted.dynamic:
            for value in media.examples.values():
                if self._fits(media.schema, value):
                    return value
        if media.schema is None:
            return {} if is_json(split_type(_concrete(media.type))[0]) else "string"
        return self.samples.sample(media.schema, wanted.seed)

    def _fits(self, pointer: str | None, value: object) -> bool:
        return pointer is None or self.samples.fits(pointer, value)

    def _echo(self, value: Any, media: ResponseMedia, wanted: Preferences, status: int, body: object) -> Any:
        """Return the answer, with the request's values for plain properties that both have, such as ``model``."""
        if wanted.example is not None or status >= 400 or not isinstance(value, dict) or not isinstance(body, dict):
            return value
        for name in value.keys() & body.keys():
            if isinstance(body[name], (str, int, float)) and isinstance(value[name], (str, int, float)):
                told = {**value, name: body[name]}
                value = told if self._fits(media.schema, told) else value
        return value

    def _stream(
        self, media: ResponseMedia, wanted: Preferences, status: int, headers: dict[str, str], body: object
    ) -> Reply | Stream:
        done = sequences.says_done(media, self.samples)
        if media.is_item:
            whole = sequences.whole_events(media, wanted, self.samples)
            if status == 200:
                return Stream(_one_by_one(whole), headers, done=done)
            text = b"".join(sse.written(event.fields()) for event in whole) + (self.end() if done else b"")
            return Reply(text, status, headers, EVENTS)
        events = self._events(media, wanted)
        if all(isinstance(event, dict) for event in events):
            events = [self._echo(event, media, wanted, status, body) for event in events]
            if status == 200:
                return Stream(_one_by_one(events), headers, named=True, done=done)
            text = b"".join(map(sse.named_event, events)) + (self.end() if done else b"")
            return Reply(text, status, headers, EVENTS)
        # The schema describes the whole text.
        return Reply(_text(events[0], EVENTS), status, headers, EVENTS)

    def _events(self, media: ResponseMedia, wanted: Preferences) -> list[Any]:
        """Return a stream's events: one per branch of the schema, which describes one event's data, or a few."""
        if wanted.example is not None:
            return [self._value(media, wanted)]
        branches = self.samples.branches(media.schema) if media.schema else []
        failures = self._failures(branches)
        examples = [e for value in media.examples.values() for e in (value if isinstance(value, list) else [value])]
        fitting = [event for event in examples if self._fits(media.schema, event)]
        fitting = [event for event in fitting if not any(self._fits(f, event) for f in failures)] or fitting
        if media.schema is None:
            return fitting or [{}] * _EVENTS_OF_ONE_KIND
        if not wanted.dynamic and len(fitting) > 1:
            return fitting
        kinds = [branch for branch in branches if branch not in failures]
        found = [event for event in self._one_of_each(kinds, wanted.seed) if self._fits(media.schema, event)]
        if len(found) > 1:
            going_well = [event for event in found if _last_word(event) not in _FAILURES]
            return sorted(going_well or found, key=_place)
        schema = kinds[0] if failures and len(kinds) == 1 else media.schema
        if not wanted.dynamic:
            return [fitting[0] if fitting else self.samples.sample(schema)] * _EVENTS_OF_ONE_KIND
        seeds = range(wanted.seed or 0, (wanted.seed or 0) + _EVENTS_OF_ONE_KIND)
        return [self.samples.sample(schema, seed) for seed in seeds]

    def _failures(self, branches: Sequence[str]) -> list[str]:
        """Return the branches of a union of events that are also bodies of failures in the document, unless all are."""
        pointers = [m.schema for r in self.listed.values() if r.key[0] != "2" for m in r.media if m.schema]
        bodies = {branch for pointer in pointers for branch in self.samples.branches(pointer)}
        found = [branch for branch in branches if branch in bodies]
        return found if len(found) < len(branches) else []

    def _one_of_each(self, branches: Sequence[str], seed: int | None) -> list[Json]:
        found = []
        for branch in branches:
            try:
                event = self.samples.sample(branch, seed)
            except NoInstance:
                continue
            found += [event] if isinstance(event, dict) else []
        return found

    def _headers(self, listed: Sequence[Header], seed: int | None) -> dict[str, str]:
        found = {}
        for header in listed:
            if header.name in _OWN_HEADERS:
                continue
            text = self._header(header, seed)
            if text is not None and text.isascii() and text.isprintable():
                found[header.name] = text
            elif header.required:
                raise NoInstance(f"no value for the header {header.name}")
        return found

    def _header(self, header: Header, seed: int | None) -> str | None:
        if seed is None and header.example and self._fits(header.schema, header.example[0]):
            return _simple(header.example[0])
        try:
            return _simple(self.samples.sample(header.schema, seed)) if header.schema is not None else None
        except NoInstance:
            return None


def _media(listed: Sequence[ResponseMedia], example: str | None, accept: str, body: object) -> ResponseMedia:
    """Return the media type of the answer: events if the request asks for a stream, else the best accepted one; among
    equals, JSON comes first and events last."""
    if example is not None:
        having = [media for media in listed if example in media.examples]
        if not having:
            raise _unknown_example([name for media in listed for name in media.examples])
        listed = having
    streamed = [media for media in listed if media.type.lower().startswith(EVENTS)]
    if streamed and isinstance(body, dict) and body.get("stream") is True:
        return streamed[0]
    ordered = sorted(listed, key=lambda media: (media in streamed, not is_json(split_type(_concrete(media.type))[0])))
    offered = [_concrete(media.type) for media in ordered]
    taken = acceptable(accept, offered)
    if taken is None:
        raise NotAcceptable(f"This answer comes as {' or '.join(offered)}, which the request does not accept.")
    return ordered[offered.index(taken)]


def _unknown_example(names: Sequence[str]) -> BadRequest:
    listed = f"It has: {', '.join(dict.fromkeys(names))}." if names else "It has none."
    return BadRequest(
        f"Invalid value for 'Prefer': the document has no such example for this answer. {listed}",
        param="Prefer",
        code="invalid_value",
    )


def _concrete(media_type: str) -> str:
    """Return a concrete media type: if the document has a range, one that is in it."""
    kind, _, rest = media_type.partition("/")
    if not rest.startswith("*"):
        return media_type
    return _IN_RANGES.get(kind.lower(), f"{kind}/octet-stream")


_IN_RANGES = {
    "*": "application/json",
    "application": "application/json",
    "text": "text/plain",
    "image": "image/png",
    "audio": "audio/mpeg",
    "video": "video/mp4",
}


def _text(value: object, media_type: str) -> str:
    if media_type.lower().startswith("multipart/"):
        raise NoInstance("multipart bodies are not generated")
    if isinstance(value, str):
        return value
    if "json" in media_type.lower():  # a format with one value per line
        return json.dumps(value) + "\n"
    if isinstance(value, (dict, list)):
        raise NoInstance(f"the server cannot write arrays and objects as {media_type}")
    return json.dumps(value)


def _simple(value: object) -> str:
    """Return a header's value in the style ``simple`` (OpenAPI 3.1.1, section 4.8.12.3)."""
    if isinstance(value, dict):
        return ",".join(f"{name},{_simple(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ",".join(map(_simple, value))
    return value if isinstance(value, str) else json.dumps(value)


def _place(event: Json) -> tuple[int, int]:
    """Return the sort key of an event in its stream: the whole is completed after its parts."""
    order = _ORDER.get(_last_word(event), 3)
    return order, -str(event.get("type")).count(".") if order > 3 else 0


def _last_word(event: Json) -> str:
    return str(event.get("type", "")).rpartition(".")[2]


async def _one_by_one(events: Sequence[object]) -> AsyncIterator[object]:
    for event in events:
        yield event
