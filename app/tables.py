"""Typed tables for user input: the settings, and the keys of the configuration file.

msgspec validates a value against the declared type, and builds the typed table. The error message for an invalid value
comes from here: its place, and what the type accepts (both ends of a range, all choices, the nearest name of a key).
Messages never quote a value, which may be a secret; msgspec's own messages do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from .errors import ConfigurationError

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_ACCEPTED: Mapping[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Path: "the path of a file",
}

# A list of texts.
Names = tuple[Annotated[str, msgspec.Meta(pattern=r"\S", description="a non-empty string")], ...]
# Builds the error for a place and a rule.
Fail = Callable[[str, str], ConfigurationError]
# Marks a field whose value is never shown.
SECRET = object()


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table. The type of each field is ``Annotated`` with a sentence that says what the field is for. Optional
    annotations: a `msgspec.Meta` with the bounds of the value, whose description replaces the text that says what is
    accepted; `SECRET`, if the value is never shown."""

    def __repr__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if not is_secret(f))
        return f"{type(self).__name__}({', '.join(shown)})"


T = TypeVar("T", bound=Table)


def help_of(f: FieldInfo) -> str:
    """Return what a field of a `Table` is for."""
    return next(note for note in f.type.__metadata__ if isinstance(note, str))


def is_secret(f: FieldInfo) -> bool:
    """Return whether the value of a field of a `Table` is never shown."""
    return SECRET in f.type.__metadata__


def read(kind: type[T], value: object, fail: Fail, *, at: str = "", folder: Path = Path()) -> T:
    """Return the table for a value as parsed from TOML or JSON. ``at`` is its place, for ``fail``. Paths are relative
    to ``folder``.

    Raises:
        ConfigurationError: a value cannot be used, a key is unknown or one is missing.
    """

    def hook(wanted: type, found: object) -> Path:
        if not isinstance(found, str) or not found:
            raise ValueError
        return folder / os.path.expanduser(found)

    try:
        return msgspec.convert(value, kind, dec_hook=hook)
    except msgspec.ValidationError:
        place, rule = _fault(kind, value, hook)
    raise fail(at + place, rule)


def base_type(hint: Any) -> Any:
    """Return the type of a field without its annotations, and without None."""
    return _parts(hint)[0]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the nearest known name, or the empty string."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def path_of(*names: str) -> str:
    """Return the path of a key, as it would be written in TOML."""
    return "".join(map(step, names)).lstrip(".")


def step(name: str) -> str:
    """Return a name as a step of a path."""
    return f".{name}" if _PLAIN.fullmatch(name) else '."' + name.replace('"', '\\"') + '"'


def _fault(hint: Any, value: Any, hook: Callable[[type, object], object]) -> tuple[str, str]:
    """Return where in an invalid value the fault is, and which rule it breaks there."""
    kind = base_type(hint)
    parts: list[tuple[str, Any, Any]] = []
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Table):
        known = {f.name: f for f in fields(kind)}
        for name in value:
            if name not in known:
                return step(name), f"is not a known key.{did_you_mean(name, known)} The keys are: {', '.join(known)}."
        for f in known.values():
            if f.required and f.name not in value:
                return step(f.name), f"is missing. It {_rule(f.type)}"
        parts = [(step(name), known[name].type, inner) for name, inner in value.items()]
    elif isinstance(value, dict) and get_args(kind):
        parts = [(step(name), get_args(kind)[1], inner) for name, inner in value.items()]
    elif isinstance(value, list | tuple) and get_origin(kind) is tuple:
        parts = [(f"[{index}]", get_args(kind)[0], inner) for index, inner in enumerate(value)]
    for place, of, inner in parts:
        try:
            msgspec.convert(inner, of, dec_hook=hook)
        except msgspec.ValidationError:
            further, rule = _fault(of, inner, hook)
            return place + further, rule
    return "", _rule(hint)


def _rule(hint: Any) -> str:
    kind, meta = _parts(hint)
    if meta is not None and meta.description:
        return f"must be {meta.description}."
    if get_origin(kind) is Literal:
        return f"must be one of: {', '.join(get_args(kind))}."
    accepted = "a list of strings" if get_origin(kind) is tuple else _ACCEPTED.get(kind, "a table")
    if meta is None or meta.ge is None:
        return f"must be {accepted}."
    return f"must be {accepted} " + (f"of at least {meta.ge}." if meta.le is None else f"from {meta.ge} to {meta.le}.")


def _parts(hint: Any) -> tuple[Any, msgspec.Meta | None]:
    """Return the type that a hint names, without None, and the bounds of its values."""
    meta = None
    while True:
        if get_origin(hint) is Annotated:
            meta = next((note for note in hint.__metadata__ if isinstance(note, msgspec.Meta)), meta)
            hint = hint.__origin__
        elif get_origin(hint) in (Union, UnionType):
            (hint,) = (one for one in get_args(hint) if one is not NoneType)
        else:
            return hint, meta
