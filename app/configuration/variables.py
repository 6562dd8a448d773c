"""Replaces ``${NAME}`` in the strings of a configuration file by environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..tables import Fail, step

_VARIABLE = re.compile(r"\$(?:(\$\{)|\{([A-Za-z_][A-Za-z0-9_]*)\}|(\{))")


def filled(value: object, environ: Mapping[str, str], fail: Fail, at: str = "") -> object:
    """A value with the variables replaced in all nested strings; ``$${`` stands for ``${``. ``at`` is the value's path,
    for ``fail``.

    Raises:
        ConfigurationError: a variable is not set, or a value has a type that JSON does not have.
    """
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _found(match, environ, fail, at), value)
    if isinstance(value, list):
        return [filled(item, environ, fail, f"{at}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise fail(at, "has a key that is not a string. Write it in quotes.")
        return {name: filled(inner, environ, fail, at + step(name)) for name, inner in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    raise fail(at, "must be a value that JSON can represent: write a date as a string.")


def _found(match: re.Match[str], environ: Mapping[str, str], fail: Fail, at: str) -> str:
    if match[1]:
        return "${"
    if match[3]:
        raise fail(at, "has ${ without a variable's name and a closing }; a literal ${ is written $${.")
    found = environ.get(match[2], "")
    if not found:
        raise fail(at, f"refers to the environment variable {match[2]}, which is unset or empty. Set it.")
    return found
