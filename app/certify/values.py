"""Reads JSON values that may break the contract: a missing value, or one of the wrong type, is None or empty."""

from __future__ import annotations

from typing import Any

from ..jsontypes import Json


def get(value: Any, *path: str | int) -> Any:
    """The value at a path of a JSON value, None if there is none."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def items(value: Any, *path: str | int) -> list[Any]:
    """The list at a path of a JSON value, empty if there is none."""
    found = get(value, *path)
    return found if isinstance(found, list) else []


def members(value: Any, *path: str | int) -> Json:
    """The object at a path of a JSON value, empty if there is none."""
    found = get(value, *path)
    return found if isinstance(found, dict) else {}


def number(value: Any) -> int | None:
    """A JSON value that is an integer, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
