"""The shape of errors under a schema: a valid value, with the places for the parts of an error.

It is built from a sample of the schema. Members that are neither required nor part of an error are left out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...jsontypes import Json
from ..samples.samples import NoInstance, Samples
from .failure import Failure
from .parts import Path, Slot, slots_of

_NAMES_OF_FAILURES = ("error", "fault", "problem", "exception", "fail")
# Placeholders for required places without a value.
_NOTHING: tuple[Any, ...] = (None, "", [])
# Texts in events that mark a failure.
_FAILURES = frozenset({"error", "failed", "failure", "exception"})


class Shape:
    """A value that is valid according to ``fits``, and its places for the parts of an error."""

    def __init__(self, value: Any, slots: list[Slot], fits: Callable[[Any], bool]) -> None:
        self._slots, self._fits = slots, fits
        self._value = _pruned(copy.deepcopy(value), {slot.path for slot in slots}, fits)

    @property
    def is_plain(self) -> bool:
        """Whether all of its values are parts of the error, so that it is suitable for any other error as well."""
        return set(_leaves(self._value, ())) <= {slot.path for slot in self._slots}

    def tell(self, failure: Failure, ours: Json) -> Any:
        """Return the value for a failure, or ``ours`` if the schema has this shape; None if the message cannot be
        placed."""
        ours_is_theirs = isinstance(self._value, dict) and isinstance(self._value.get("error"), dict)
        # A schema that accepts both a text and an object says nothing about errors.
        if (ours_is_theirs or isinstance(self._value, str)) and self._fits(ours):
            return ours
        found = [copy.deepcopy(self._value)]
        told = False
        for slot in self._slots:
            done = any(self._try(found, slot.path, value) for value in failure.ways(slot.part))
            told = told or (done and slot.part == "message")
            if not done and slot.part in ("param", "path", "pointer", "request"):
                # The sample's value would name a place that did not cause the error.
                _ = self._drop(found, slot.path) or any(self._try(found, slot.path, value) for value in _NOTHING)
        return found[0] if told else None

    def _try(self, found: list[Any], path: Path, value: Any) -> bool:
        """Put a value at a place if the result is valid. Return whether it is."""
        if not path:
            changed = value
        else:
            changed = copy.deepcopy(found[0])
            _container(changed, path)[path[-1]] = value
        if not self._fits(changed):
            return False
        found[0] = changed
        return True

    def _drop(self, found: list[Any], path: Path) -> bool:
        changed = copy.deepcopy(found[0])
        container = _container(changed, path)
        if not isinstance(container, dict):
            return False
        del container[path[-1]]
        if not self._fits(changed):
            return False
        found[0] = changed
        if container == {} and len(path) > 1:
            self._drop(found, path[:-1])
        return True


def shape_of(samples: Samples, pointer: str, examples: Iterable[Any] = ()) -> Shape | None:
    """Return the shape of errors under the schema at a pointer; None if it has no place for a message. ``examples`` are
    the document's examples for it. The search takes up to some seconds.

    Raises:
        ConfigurationError: the schema cannot be compiled.
    """
    return _best(samples, pointer, (*_values(samples, pointer), *examples))


def failing_event(samples: Samples, pointer: str, bodies: Iterable[str]) -> Shape | None:
    """Return what `shape_of` returns for the events of a stream, from a branch of their schema that describes failures.
    ``bodies`` are pointers of schemas for failures elsewhere.

    Raises:
        ConfigurationError: as `shape_of`.
    """
    known = {branch for body in bodies for branch in _branches(samples, body)}
    values = []
    for branch in _branches(samples, pointer):
        value = _sample(samples, branch)
        if branch in known or _tells_of_failure(value):
            values.append(value)
    return _best(samples, pointer, values)


def _best(samples: Samples, pointer: str, values: Iterable[Any]) -> Shape | None:
    def fits(instance: Any) -> bool:
        return samples.fits(pointer, instance)

    found = [(value, *slots_of(value)) for value in values]
    fitting = [(rank, value, slots) for value, slots, rank in found if slots and fits(value)]
    if not fitting:
        return None
    _, value, slots = min(fitting, key=lambda each: each[0])
    return Shape(value, slots, fits)


def _values(samples: Samples, pointer: str) -> Iterator[Any]:
    for place in dict.fromkeys((pointer, *_branches(samples, pointer))):
        yield _sample(samples, place)


def _branches(samples: Samples, pointer: str) -> list[str]:
    try:
        return samples.branches(pointer)
    except NoInstance:  # a broken reference
        return []


def _sample(samples: Samples, pointer: str) -> Any:
    try:
        return samples.sample(pointer)
    except NoInstance:
        return None


def _tells_of_failure(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    texts = [text for text in value.values() if isinstance(text, str)]
    named = any(name.lower().startswith(_NAMES_OF_FAILURES) for name in value)
    return named or any(text.replace("_", ".").rpartition(".")[2].lower() in _FAILURES for text in texts)


def _leaves(value: Any, path: Path) -> Iterator[Path]:
    """Yield the paths of all values except non-empty objects and lists."""
    if not value or not isinstance(value, (dict, list)):
        yield path
        return
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(member, (*path, key))


def _container(value: Any, path: Path) -> Any:
    for step in path[:-1]:
        value = value[step]
    return value


def _pruned(value: Any, places: set[Path], fits: Callable[[Any], bool]) -> Any:
    """Remove everything optional from a value, except what is at some places or leads to them. Return the value."""
    leading = {path[:length] for path in places for length in range(len(path) + 1)}

    def prune(container: Any, path: Path) -> None:
        keys = list(container) if isinstance(container, dict) else list(reversed(range(len(container))))
        for key in keys:
            member, before = container[key], copy.copy(container)
            if (*path, key) not in leading:
                del container[key]
                if fits(value):
                    continue
                # Restore the original order.
                container.clear()
                container.update(before) if isinstance(container, dict) else container.extend(before)
            if isinstance(member, (dict, list)):
                prune(member, (*path, key))

    if isinstance(value, (dict, list)):
        prune(value, ())
    return value
