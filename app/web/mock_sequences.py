"""The sequences that a mock sends: whole events or JSON values that fit the document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..contract.event_schemas import readings
from ..documents.samples.responses import ResponseMedia
from ..documents.samples.samples import NoInstance, Samples
from ..jsontypes import Json
from .answers import Event
from .prefer import Preferences

DONE = "[DONE]"
# The number of items in a sequence whose items are all of one kind.
OF_ONE_KIND = 3
# The names of events that report failures.
_FAILURES = frozenset({"error", "failed", "incomplete", "cancelled", "expired"})


def says_done(media: ResponseMedia, samples: Samples) -> bool:
    """Return whether a stream of events ends with ``[DONE]``. If the document describes its items, it does so if their
    schema says so; else it always does, as the clients of such streams expect."""
    if media.item is None:
        return True
    return samples.fits(media.item, {"data": DONE}) and not samples.fits(media.item, {"data": DONE.lower()})


def whole_events(media: ResponseMedia, wanted: Preferences, samples: Samples) -> list[Event]:
    """Return the events of a stream whose schema describes whole events: those of the examples, or one of each kind.

    Raises:
        NoInstance: none was found.
    """
    assert media.schema is not None
    given = [
        event for event in _given(media, wanted) if isinstance(event, dict) and _fits(media.schema, event, samples)
    ]
    if given and not wanted.dynamic:
        return list(map(_event, given))
    kinds = [branch for branch in samples.branches(media.schema) if branch != media.schema] or [media.schema]
    found = [event for event in _one_of_each(kinds, media.schema, wanted.seed, samples) if event["data"] != DONE]
    going_well = [event for event in found if str(event.get("event", "")).rpartition(".")[2] not in _FAILURES]
    found = going_well or found
    if not found:
        raise NoInstance(f"no event was found that fits the schema at {media.schema}")
    return list(map(_event, found if len(found) > 1 else found * OF_ONE_KIND))


def items(media: ResponseMedia, wanted: Preferences, samples: Samples) -> list[Any]:
    """Return the items of a sequence of JSON values; raises what `whole_events` does."""
    if media.schema is None:
        return [{}] * OF_ONE_KIND
    if not media.is_item:
        whole = next((value for value in media.examples.values() if samples.fits(media.schema, value)), None)
        if whole is None or wanted.dynamic:
            whole = samples.sample(media.schema, wanted.seed)
        return whole if isinstance(whole, list) else [whole]
    given = [item for item in _given(media, wanted) if samples.fits(media.schema, item)]
    if given and not wanted.dynamic:
        return given
    kinds = samples.branches(media.schema)
    found = [samples.sample(kind, wanted.seed) for kind in kinds]
    found = [item for item in found if samples.fits(media.schema, item)]
    if len(found) > 1:
        return found
    seeds: Sequence[int | None] = [None if wanted.seed is None else wanted.seed + n for n in range(OF_ONE_KIND)]
    return [samples.sample(media.schema, seed) for seed in seeds]


def _given(media: ResponseMedia, wanted: Preferences) -> Iterable[Any]:
    """Return the items of the examples: an example is a list of all items, or one item."""
    named = [media.examples[wanted.example]] if wanted.example is not None else media.examples.values()
    return [item for value in named for item in (value if isinstance(value, list) else [value])]


def _one_of_each(kinds: Sequence[str], schema: str, seed: int | None, samples: Samples) -> Iterable[Json]:
    for kind in kinds:
        try:
            event = samples.sample(kind, seed)
        except NoInstance:
            continue
        if isinstance(event, dict):
            # A client ignores an event without data.
            event = {**event, "data": event.get("data", "")}
            fields = {name: event[name] for name in ("data", "event", "id", "retry") if name in event}
            if _can_be_written(fields) and _fits(schema, fields, samples):
                yield fields


def _fits(pointer: str, event: Json, samples: Samples) -> bool:
    return any(samples.fits(pointer, reading) for reading in readings(event))


def _can_be_written(fields: Json) -> bool:
    names = [fields[name] for name in ("event", "id") if name in fields]
    return all(isinstance(text, str) and not set(text) & set("\r\n\0") for text in names)


def _event(fields: Json) -> Event:
    return Event(fields.get("data", ""), fields.get("event"), fields.get("id"), fields.get("retry"))
