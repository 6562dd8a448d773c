"""From a configuration file to the models that are served, with what must hold between its keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, TypeVar

from ..chat.parameters import CAPABILITIES
from ..engines.dialects.known import DIALECTS
from .addresses import fault_of
from .files import read_file
from .keys import CapabilityKeys, Configuration, Entry, ModelKeys, TimeoutKeys
from .reading import Reader, did_you_mean, path_of

_TOP = ("defaults", "models")
_LONGEST_ID = 200
_KEYS = ("key", "key_env", "key_file")
# Fields of the body that are what a request is.
_OF_REQUESTS = frozenset({"model", "messages", "stream", "stream_options", "n"})

T = TypeVar("T")


def load(file: Path, environ: Mapping[str, str]) -> Configuration:
    """Read a configuration file.

    Raises:
        ConfigurationError: it cannot be read, or something in it cannot be used.
    """
    reader = Reader(file, environ)
    content = read_file(file)
    for name in content:
        if name not in _TOP:
            raise reader.fail(
                path_of(name), f"is no key of a configuration.{did_you_mean(name, _TOP)} There are: {', '.join(_TOP)}."
            )
    tables = reader.object(content.get("models", {}), "models")
    if not tables:
        raise reader.fail("models", "has no model. Describe one in a table such as [models.NAME], with its engine.")
    common = reader.table(content.get("defaults", {}), ModelKeys, "defaults", what="defaults", only=_not_common)
    _check_keys(reader, common, content.get("defaults", {}), "defaults")
    entries = tuple(_entry(reader, name, value, common) for name, value in tables.items())
    _check_names(reader, entries)
    return Configuration(models=entries)


def _not_common(f: Field[Any]) -> str | None:
    return None if f.metadata.get("common") else "is a key of a model, not one for all: say it of each."


def _entry(reader: Reader, name: str, value: Any, common: Mapping[str, Any]) -> Entry:
    at = path_of("models", name)
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > _LONGEST_ID:
        raise reader.fail(at, f"must have a name of 1 to {_LONGEST_ID} printable characters, no space at its ends.")
    engine = reader.object(value, at).get("engine")
    if engine is None:
        choices = next(f for f in fields(ModelKeys) if f.name == "engine").metadata["choices"]
        raise reader.fail(f"{at}.engine", f"is missing. Set it to one of: {', '.join(choices)}.")
    engine = reader.table({"engine": engine}, ModelKeys, at, what="a model")["engine"]

    def foreign(f: Field[Any]) -> str | None:
        known = f.metadata.get("engines", (engine,))
        if engine in known:
            return None
        return (
            f"is a key for the engine {' or '.join(known)}, and this model's is {engine}. Leave it out, or change "
            "the engine."
        )

    own = reader.table(value, ModelKeys, at, what="a model", only=foreign)
    _check_keys(reader, own, value, at)
    usual = {
        f.name: common[f.name]
        for f in fields(ModelKeys)
        if f.name in common and foreign(f) is None and not (f.name in _KEYS and set(_KEYS) & set(own))
    }
    values = {**usual, **own}
    for table, kind in (("timeouts", TimeoutKeys), ("capabilities", CapabilityKeys)):
        if table in values:
            values[table] = _build(kind, {**usual.get(table, {}), **own.get(table, {})})
    if "headers" in usual and "headers" in own:
        values["headers"] = {**usual["headers"], **own["headers"]}
    entry = Entry(id=name, at=at, source=str(reader.file), keys=_build(ModelKeys, values))
    if engine == "upstream":
        check_upstream(entry, reader.environ)
    return entry


def _build(kind: type[T], values: Mapping[str, Any]) -> T:
    return kind(**values)


def _check_keys(reader: Reader, values: Mapping[str, Any], written: Mapping[str, Any], at: str) -> None:
    given = [name for name in _KEYS if name in values]
    if "key" in given and written["key"] == values["key"]:
        raise reader.fail(
            f"{at}.key", "must not be written here in the clear. Write ${NAME}, and set the variable NAME to the key."
        )
    if len(given) > 1:
        raise reader.fail(f"{at}.{given[1]}", f"is one key too many: there is {given[0]} already. Leave one out.")


def check_upstream(entry: Entry, environ: Mapping[str, str]) -> None:
    """Check what an upstream's keys must be to each other.

    Raises:
        ConfigurationError: they cannot be used.
    """
    keys, fail = entry.keys, entry.fail
    if not keys.base_urls:
        raise fail("base_urls", 'is missing. Say where the upstream is, such as ["http://gpu-1:8000/v1"].')
    for index, url in enumerate(keys.base_urls):
        fault = fault_of(url)
        if fault:
            raise fail(f"base_urls[{index}]", fault)
    dialect = DIALECTS[keys.dialect]
    whose = f"The dialect {keys.dialect} has"
    _each(entry, keys.extra_parameters, dialect.extra_parameters, "extra_parameters", whose)
    _each(entry, keys.capabilities.add, CAPABILITIES, "capabilities.add", "There are")
    _each(entry, keys.capabilities.remove, dialect.capabilities, "capabilities.remove", whose)
    for name in keys.extra_body:
        if name in _OF_REQUESTS:
            raise fail(f"extra_body.{name}", "is what requests themselves say. Leave it out.")
    if keys.health_path and not keys.health_path.startswith("/"):
        raise fail("health_path", "must begin with a slash, or be empty.")
    for name, value in keys.headers.items():
        if not value.isascii() or not value.isprintable():
            raise fail(path_of("headers", name), "must be printable ASCII.")
    key_of(entry, environ)


def _each(entry: Entry, names: Iterable[str], known: Iterable[str], at: str, whose: str) -> None:
    known = sorted(known)
    for index, name in enumerate(names):
        if name not in known:
            offered = ", ".join(known) or "none"
            raise entry.fail(f"{at}[{index}]", f"is unknown.{did_you_mean(name, known)} {whose}: {offered}.")


def key_of(entry: Entry, environ: Mapping[str, str]) -> str | None:
    """The key of an upstream, wherever it comes from.

    Raises:
        ConfigurationError: it is not there, or no header can carry it.
    """
    keys = entry.keys
    source, found = "key", keys.key
    if keys.key_env is not None:
        source, found = "key_env", environ.get(keys.key_env, "").strip()
        if not found:
            raise entry.fail(source, "names a variable that is not set or empty. Set it.")
    elif keys.key_file is not None:
        source = "key_file"
        try:
            found = keys.key_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise entry.fail(source, f"cannot be read: {reason}.") from None
        if not found:
            raise entry.fail(source, "holds no key. Write it on one line.")
    if found is not None and not (found.isascii() and found.isprintable() and " " not in found):
        raise entry.fail(source, "gives a key that no header can carry: it must be visible ASCII.")
    return found


def _check_names(reader: Reader, entries: tuple[Entry, ...]) -> None:
    ids = [entry.id for entry in entries]
    taken = {entry.id: entry.at for entry in entries}
    for entry in entries:
        for index, alias in enumerate(entry.keys.aliases):
            place = f"{entry.at}.aliases[{index}]"
            if len(alias) > _LONGEST_ID or not alias.isprintable() or alias != alias.strip():
                raise reader.fail(place, f"must be 1 to {_LONGEST_ID} printable characters, no space at its ends.")
            if alias in taken:
                raise reader.fail(place, f"is taken by {taken[alias]}. Give each model names of its own.")
            taken[alias] = place
    for entry in entries:
        for index, other in enumerate(entry.keys.fallbacks):
            place = f"{entry.at}.fallbacks[{index}]"
            if other == entry.id:
                raise reader.fail(place, "is the model itself. Name another one.")
            if other not in ids:
                hint = " An alias is not enough." if other in taken else did_you_mean(other, ids)
                raise reader.fail(place, f"is no model of this file.{hint} There are: {', '.join(ids)}.")
