"""Finds what of a request no model here can honour, by the table of parameters: it is refused by name, or left out and
named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..chat.policy import without
from ..contract.explain import path_text
from ..contract.pointers import JsonPath
from ..errors import UnsupportedParameter
from ..jsontypes import Json
from .parameters import PARAMETERS, ResponseParameter

_REFUSED = tuple(
    (parameter, tuple(parameter.name.replace("[]", ".[]").split("."))) for parameter in PARAMETERS if parameter.refused
)
# Parameters that mean nothing once no tool is left.
_WITH_TOOLS = ("tool_choice", "parallel_tool_calls")


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that is not honoured: the place of what is left out for it, and its row."""

    place: JsonPath
    parameter: ResponseParameter


def refuse(body: Json, policy: str) -> tuple[Json, list[str]]:
    """The request without what no model here honours, and the paths of that. ``body`` has no nulls.

    Raises:
        UnsupportedParameter: under the policy ``refuse``, or for what makes another request of it; it names the first.
    """
    found = [each for parameter, steps in _REFUSED for each in _search(body, parameter, steps)]
    for each in found:
        if policy == "refuse" or each.parameter.always:
            name = path_text(each.place)
            raise UnsupportedParameter(
                f"Unsupported parameter: '{name}' is not supported. {each.parameter.refused}", param=name
            )
    return _left(body, [each.place for each in found]) if found else (body, [])


def _search(body: Json, parameter: ResponseParameter, steps: tuple[str, ...]) -> Iterator[_Found]:
    for place, value in _values(body, steps, ()):
        if not any(_same(value, taken) for taken in parameter.takes):
            yield _Found(place[: len(place) - parameter.carrier], parameter)


def _values(value: Any, steps: tuple[str, ...], at: JsonPath) -> Iterator[tuple[JsonPath, Any]]:
    """The values at a path, each with its place."""
    if not steps:
        yield at, value
    elif steps[0] == "[]":
        for index, item in enumerate(value) if isinstance(value, list) else ():
            yield from _values(item, steps[1:], (*at, index))
    elif isinstance(value, dict) and value.get(steps[0]) is not None:
        yield from _values(value[steps[0]], steps[1:], (*at, steps[0]))


def _same(value: Any, taken: Any) -> bool:
    # JSON's false is not 0, though Python's is.
    return bool(value == taken) and isinstance(value, bool) == isinstance(taken, bool)


def _left(body: Json, places: list[JsonPath]) -> tuple[Json, list[str]]:
    """The request without what is at some places, nor what means nothing without that; and the paths of both."""
    smaller: Json = without(body, places)
    names = [path_text(place) or "" for place in places]
    if smaller.get("tools") == [] and body["tools"]:
        names += [name for name in _WITH_TOOLS if smaller.pop(name, None) is not None]
    choice = smaller.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        # Tools that were left out go off the list of those that may be called, as long as any is left on it.
        known = {(tool["type"], tool["name"]) for tool in smaller.get("tools", ())}
        kept = [each for each in choice["tools"] if (each.get("type"), each.get("name")) in known]
        smaller["tool_choice"] = {**choice, "tools": kept or choice["tools"]}
    return smaller, list(dict.fromkeys(names))
