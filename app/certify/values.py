"""Reads JSON values that may break the contract: what is not there, or is something else, is None or empty."""

from __future__ import annotations

from typing import Any

from ..jsontypes import Json


def get(value: Any, *path: str | int) -> Any:
    """What stands at a path of a JSON value, None where nothing does."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def items(value: Any, *path: str | int) -> list[Any]:
    """The list at a path of a JSON value, empty where there is none."""
    found = get(value, *path)
    return found if isinstance(found, list) else []


def members(value: Any, *path: str | int) -> Json:
    """The object at a path of a JSON value, empty where there is none."""
    found = get(value, *path)
    return found if isinstance(found, dict) else {}


def number(value: Any) -> int | None:
    """The integer that a JSON value is, None if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
