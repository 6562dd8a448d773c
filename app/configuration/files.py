"""Reads the raw configuration file: TOML, YAML or JSON."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import yaml

from ..contract.yaml_json import YamlLoader, refuse_bombs
from ..errors import ConfigurationError

_MOST_BYTES = 4 << 20


class _Loader(YamlLoader):
    """A YAML loader that refuses duplicate keys: one of the two would be ignored."""


def _mapping(loader: Any, node: Any) -> Any:
    loader.flatten_mapping(node)
    return _once(loader.construct_pairs(node, deep=True))


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_file(path: Path) -> dict[str, Any]:
    """The content of a configuration file.

    Raises:
        ConfigurationError: it cannot be read, or is not in the format of its file extension; the message quotes none of
            its content.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"The configuration {path} cannot be read: {error.strerror}.") from None
    if len(raw) > _MOST_BYTES:
        raise ConfigurationError(f"The configuration {path} is longer than {_MOST_BYTES} bytes.")
    try:
        content = _parse(path, raw.decode())
    except UnicodeDecodeError:
        raise ConfigurationError(f"The configuration {path} is not text in UTF-8.") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"The configuration {path} is not a table at its top level.")
    return content


def _parse(path: Path, text: str) -> Any:
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix == ".json":
            return json.loads(text, object_pairs_hook=_once)
        if path.suffix in (".yaml", ".yml"):
            content = yaml.load(text, Loader=_Loader)
            refuse_bombs(content, text)
            return content
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The configuration {path} is not valid TOML: {error}.") from None
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"The configuration {path} is not valid JSON: {error.msg} in line {error.lineno}."
        ) from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        told = (problem or "it cannot be read") + (f" in line {mark.line + 1}" if mark is not None else "")
        raise ConfigurationError(f"The configuration {path} is not valid YAML: {told}.") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"The configuration {path} cannot be read: {error}.") from None
    raise ConfigurationError(f"The configuration {path} must end in .toml, .yaml, .yml or .json.")


def _once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError("a key occurs twice in the same table")
        found[name] = value
    return found
