"""Loads the served models from a configuration file, and validates its keys, including how they combine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import structs

from ..engines.base import REASONING_MODELS_LACK
from ..engines.dialects.known import AUTO, possible
from ..errors import ConfigurationError
from ..model_files.naming import is_name
from ..settings import is_key
from ..tables import Fail, did_you_mean, path_of, read
from .addresses import fault_of
from .capabilities import NAMES
from .chat_template import CHATML
from .files import read_file
from .keys import ENGINES, Configuration, Entry, FileKeys, ModelKeys, engines_of, is_common
from .variables import filled

_LONGEST_ID = 200
_KEYS = ("key", "key_env", "key_file")
# Fields of the body that always come from the request itself.
_OF_REQUESTS = frozenset({"model", "messages", "stream", "stream_options", "n"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110, 5.6.2
_OUR_HEADERS = ("host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding")
_MODEL_KEYS = {f.name: f for f in structs.fields(ModelKeys)}


def load(file: Path, environ: Mapping[str, str]) -> Configuration:
    """Read a configuration file.

    Raises:
        ConfigurationError: the file cannot be read, or something in it cannot be used.
    """
    fail = partial(_error, file)
    written = read_file(file)
    content = read(FileKeys, filled(written, environ, fail), fail)
    if not content.models:
        raise fail("models", "has no model. Describe one in a table such as [models.NAME], with its engine.")
    for name in content.defaults:
        if name in _MODEL_KEYS and not is_common(_MODEL_KEYS[name]):
            raise fail(
                f"defaults.{name}", "is a key of a single model, not a default for all: set it in each model's table."
            )
    # The other keys of the defaults are validated with an arbitrary engine.
    read(ModelKeys, {"engine": "echo", **content.defaults}, fail, at="defaults")
    _check_keys(fail, content.defaults, written.get("defaults", {}), "defaults")
    entries = []
    for name, own in content.models.items():
        at = path_of("models", name)
        if not _is_name(name):
            raise fail(at, f"must have a name of {_NAMES}.")
        _check_keys(fail, own, written["models"][name], at)
        values = _with_defaults(fail, own, content.defaults, at)
        keys = read(ModelKeys, values, fail, at=at, folder=file.parent)
        named = {name: anchored(getattr(keys, name), file.parent) for name in ("path", "chat_template")}
        keys = structs.replace(keys, **named)
        entry = Entry(id=name, at=at, source=str(file), keys=keys)
        _check_lists(entry)
        entries.append(checked_upstream(entry, environ) if keys.engine == "upstream" else entry)
    _check_names(entries)
    return Configuration(models=tuple(entries))


def anchored(named: str | None, folder: Path) -> str | None:
    """Resolve a value that names a file or something else: a relative path is joined to ``folder``, other names stay as
    they are."""
    if named is None or named == CHATML or is_name(named):
        return named
    return str(folder / os.path.expanduser(named))


def _error(file: Path, at: str, rule: str) -> ConfigurationError:
    return ConfigurationError(f"{file}: {f'{at} '.lstrip('. ')}{rule}")


def _check_keys(fail: Fail, values: Mapping[str, Any], written: Mapping[str, Any], at: str) -> None:
    given = [name for name in _KEYS if name in values]
    if "key" in given and written["key"] == values["key"]:
        rule = "must not be written here in plain text. Write ${NAME}, and set the variable NAME to the key."
        raise fail(f"{at}.key", rule)
    if len(given) > 1:
        raise fail(f"{at}.{given[1]}", f"cannot be combined with {given[0]}. Leave one of them out.")


def _with_defaults(fail: Fail, own: Mapping[str, Any], defaults: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The keys of a model, merged with the defaults that its engine supports. The engine must support all of the
    model's own keys."""
    engine = own.get("engine")
    if engine not in ENGINES:
        return {**own}
    foreign = {name for name, f in _MODEL_KEYS.items() if engine not in engines_of(f)}
    for name in own:
        if name in foreign:
            raise fail(
                f"{at}.{name}",
                f"is a key for the engine {' or '.join(engines_of(_MODEL_KEYS[name]))}, and this model's is {engine}. "
                "Leave it out, or change the engine.",
            )
    # If a model names its API key itself, in any of the three ways, this replaces the default.
    unwanted = foreign.union(_KEYS if any(name in own for name in _KEYS) else ())
    values = {**{name: value for name, value in defaults.items() if name not in unwanted}, **own}
    for name in ("timeouts", "headers"):
        if isinstance(own.get(name), dict) and name in defaults:
            values[name] = {**defaults[name], **own[name]}
    return values


def _check_lists(entry: Entry) -> None:
    lists = {name: value for name in _MODEL_KEYS if isinstance(value := getattr(entry.keys, name), tuple)}
    added = {"capabilities.add": entry.keys.capabilities.add, "capabilities.remove": entry.keys.capabilities.remove}
    for key, items in (lists | added).items():
        for index, item in enumerate(items):
            if item in items[:index]:
                raise entry.fail(f"{key}[{index}]", "is listed twice. Leave one out.")


def checked_upstream(entry: Entry, environ: Mapping[str, str]) -> Entry:
    """Validate how the keys of an upstream combine, and return the entry with its API key, from whichever source.

    Raises:
        ConfigurationError: the keys cannot be used.
    """
    keys, fail = entry.keys, entry.fail
    if not keys.base_urls:
        raise fail("base_urls", 'is missing. List the addresses of the upstream, such as ["http://gpu-1:8000/v1"].')
    for index, url in enumerate(keys.base_urls):
        fault = fault_of(url)
        if fault:
            raise fail(f"base_urls[{index}]", fault)
    dialects = possible(keys.dialect)
    extra = frozenset[str]().union(*(dialect.extra_parameters for dialect in dialects))
    capabilities = frozenset[str]().union(*(dialect.capabilities | dialect.operations for dialect in dialects))
    whose = "The dialects have" if keys.dialect == AUTO else f"The dialect {keys.dialect} has"
    _check_known(entry, keys.extra_parameters, extra, "extra_parameters", whose)
    _check_known(entry, keys.capabilities.add, NAMES, "capabilities.add", "The capabilities are")
    _check_known(entry, keys.capabilities.remove, capabilities, "capabilities.remove", whose)
    for index, name in enumerate(keys.capabilities.add):
        if keys.reasoning and name in REASONING_MODELS_LACK:
            raise fail(
                f"capabilities.add[{index}]",
                "is something that a reasoning model cannot do. Leave out either this or reasoning.",
            )
    for name in keys.extra_body:
        if name in _OF_REQUESTS:
            raise fail(f"extra_body.{name}", "is a field that each request sets itself. Leave it out.")
    for name in keys.headers:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OUR_HEADERS:
            raise fail(
                path_of("headers", name),
                f"is a header that cannot be set. It must be a token, and none of: {', '.join(_OUR_HEADERS)}.",
            )
    return replace(entry, keys=structs.replace(keys, key=_key(entry, environ)))


def _check_known(entry: Entry, names: Iterable[str], known: Iterable[str], at: str, whose: str) -> None:
    known = sorted(known)
    for index, name in enumerate(names):
        if name not in known:
            offered = ", ".join(known) or "none"
            raise entry.fail(f"{at}[{index}]", f"is unknown.{did_you_mean(name, known)} {whose}: {offered}.")


def _key(entry: Entry, environ: Mapping[str, str]) -> str | None:
    keys = entry.keys
    source, found = "key", keys.key
    if keys.key_env is not None:
        source, found = "key_env", environ.get(keys.key_env, "").strip()
        if not found:
            raise entry.fail(source, "names a variable that is unset or empty. Set it.")
    elif keys.key_file is not None:
        source = "key_file"
        try:
            found = keys.key_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise entry.fail(source, f"cannot be read: {reason}.") from None
        if not found:
            raise entry.fail(source, "contains no key. Write it on one line.")
    if found is not None and not is_key(found):
        raise entry.fail(source, "gives a key that cannot be sent in a header: it must be visible ASCII.")
    return found


_NAMES = f"1 to {_LONGEST_ID} printable characters, no space at its ends"


def _is_name(text: str) -> bool:
    return bool(text) and text.isprintable() and text == text.strip() and len(text) <= _LONGEST_ID


def _check_names(entries: Iterable[Entry]) -> None:
    taken = {entry.id: entry.at for entry in entries}
    ids = list(taken)
    for entry in entries:
        for index, alias in enumerate(entry.keys.aliases):
            key = f"aliases[{index}]"
            if not _is_name(alias):
                raise entry.fail(key, f"must be {_NAMES}.")
            if alias in taken:
                raise entry.fail(key, f"is already used by {taken[alias]}. Every name must be unique.")
            taken[alias] = f"{entry.at}.{key}"
    for entry in entries:
        for index, other in enumerate(entry.keys.fallbacks):
            key = f"fallbacks[{index}]"
            if other == entry.id:
                raise entry.fail(key, "is the model itself. Name another one.")
            if other not in ids:
                hint = " An alias is not enough." if other in taken else did_you_mean(other, ids)
                raise entry.fail(key, f"is not a model of this file.{hint} The models are: {', '.join(ids)}.")
