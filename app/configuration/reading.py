"""Reads tables of a configuration file into typed keys. A message names the file, the key, the rule and what would be
accepted, and never quotes a value, which may be a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from ..errors import ConfigurationError

_VARIABLE = re.compile(r"\$(?:(\$\{)|\{([A-Za-z_][A-Za-z0-9_]*)\}|(\{))")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one file. ``environ`` fills in ``${NAME}``; paths are relative to the file's folder."""

    file: Path
    environ: Mapping[str, str]

    def fail(self, at: str, rule: str) -> ConfigurationError:
        """The error for what is at a place."""
        return ConfigurationError(f"{self.file}: {at} {rule}")

    def table(
        self, value: Any, kind: type[Any], at: str, *, what: str, only: Callable[[Field[Any]], str | None] | None = None
    ) -> dict[str, Any]:
        """The keys of a table that are given, each of its type; tables in it the same way. ``only`` says of a key what
        forbids it here.

        Raises:
            ConfigurationError: a key is unknown or forbidden, or a value cannot be used.
        """
        known = {f.name: f for f in fields(kind)}
        hints = get_type_hints(kind)
        found = {}
        for name, inner in self.object(value, at).items():
            place = f"{at}{_step(name)}" if at else _step(name).lstrip(".")
            if name not in known:
                raise self.fail(
                    place, f"is no key of {what}.{did_you_mean(name, known)} There are: {', '.join(known)}."
                )
            forbidden = only(known[name]) if only else None
            if forbidden:
                raise self.fail(place, forbidden)
            found[name] = self.value(inner, hints[name], known[name].metadata, place)
        return found

    def object(self, value: Any, at: str) -> dict[str, Any]:
        """A table.

        Raises:
            ConfigurationError: it is none.
        """
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise self.fail(at, "must be a table.")
        return value

    def value(self, value: Any, hint: Any, rules: Mapping[str, Any], at: str) -> Any:
        """A value of the type that a hint names.

        Raises:
            ConfigurationError: it is another one, or breaks a rule.
        """
        text = str(hint)
        if is_dataclass(hint) and isinstance(hint, type):
            return self.table(value, hint, at, what=at)
        if "tuple" in text:
            return self._texts(value, at)
        if "Mapping[str, str]" in text:
            return {name: self.text(inner, f"{at}{_step(name)}") for name, inner in self.object(value, at).items()}
        if "Mapping" in text:
            return self._filled(self.object(value, at), at)
        if hint is bool:
            if not isinstance(value, bool):
                raise self.fail(at, "must be true or false.")
            return value
        if "int" in text.split(" ")[0] or "float" in text.split(" ")[0] or hint in (int, float):
            return self._number(value, "float" if hint is float or "float" in text else "int", rules, at)
        found = self.text(value, at)
        if "choices" in rules and found not in rules["choices"]:
            raise self.fail(at, f"must be one of: {', '.join(rules['choices'])}.")
        if "Path" in text:
            if not found:
                raise self.fail(at, "must be the path of a file.")
            return self.file.parent / Path(found).expanduser()
        return found

    def text(self, value: Any, at: str) -> str:
        """A text, with variables of the environment filled in; ``$${`` stands for ``${``.

        Raises:
            ConfigurationError: it is none, or a variable is not set.
        """
        if not isinstance(value, str):
            raise self.fail(at, "must be a text.")

        def fill(match: re.Match[str]) -> str:
            if match[1]:
                return "${"
            if match[3]:
                raise self.fail(at, "has ${ without the name of a variable and }; a ${ of its own is written $${.")
            found = self.environ.get(match[2], "")
            if not found:
                raise self.fail(at, f"wants the environment variable {match[2]}, which is not set or empty. Set it.")
            return found

        return _VARIABLE.sub(fill, value)

    def _texts(self, value: Any, at: str) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self.fail(at, "must be a list of texts.")
        found = tuple(self.text(item, f"{at}[{index}]") for index, item in enumerate(value))
        for index, item in enumerate(found):
            if not item.strip():
                raise self.fail(f"{at}[{index}]", "must not be empty.")
            if item in found[:index]:
                raise self.fail(f"{at}[{index}]", "stands there twice. Leave it out.")
        return found

    def _filled(self, value: Any, at: str) -> Any:
        if isinstance(value, str):
            return self.text(value, at)
        if isinstance(value, list):
            return [self._filled(item, f"{at}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {name: self._filled(inner, f"{at}{_step(name)}") for name, inner in self.object(value, at).items()}
        if value is None or isinstance(value, bool | int | float):
            return value
        raise self.fail(at, "must be what JSON can hold: dates are written as texts.")

    def _number(self, value: Any, kind: str, rules: Mapping[str, Any], at: str) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int if kind == "int" else (int, float)):
            raise self.fail(at, f"must be {'a whole number' if kind == 'int' else 'a number'}.")
        low, high = rules.get("minimum", float("-inf")), rules.get("maximum", float("inf"))
        if not low <= value <= high or value == float("inf"):  # also refuses NaN
            raise self.fail(
                at, f"must be at least {low}." if high == float("inf") else f"must be from {low} to {high}."
            )
        return value if kind == "int" else float(value)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the nearest known name, or nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _step(name: str) -> str:
    return f".{name}" if _PLAIN.fullmatch(name) else '."' + name.replace('"', '\\"') + '"'


def path_of(*names: str) -> str:
    """The path of a key, as it would be written in TOML."""
    return "".join(map(_step, names)).lstrip(".")
