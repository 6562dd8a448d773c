"""Finds the parameters of a request that no model here can honour, using the table of parameters: they are refused by
name, or left out and named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..chat.foreign import known_to
from ..chat.policy import without
from ..chat.tables import CHAT
from ..contract.explain import path_text
from ..contract.pointers import JsonPath
from ..errors import UnsupportedParameter
from ..jsontypes import Json
from .parameters import KNOWN, PARAMETERS, ResponseParameter


@dataclass(slots=True)
class _Node:
    """One step of the parameters' paths: the row for this value (``parameter``), or what to search for in its
    properties (``inner``) or in the items of a list (``items``)."""

    parameter: ResponseParameter | None = None
    inner: dict[str, _Node] = field(default_factory=dict)
    items: _Node | None = None


def _tree() -> _Node:
    root = _Node()
    for parameter in PARAMETERS:
        if parameter.refused:
            node = root
            for step in parameter.name.replace("[]", ".[]").split("."):
                if step == "[]":
                    node.items = node = node.items or _Node()
                else:
                    node = node.inner.setdefault(step, _Node())
            node.parameter = parameter
    return root


_RULES = _tree()
# Fields that only chat completions have. They must be refused here, or they would pass into the chat request.
_CHATS_ALONE = known_to(CHAT) - KNOWN
_OF_CHATS = ResponseParameter("", refused="Only chat completions have this parameter: leave it out.")
# Parameters that mean nothing once no tool is left.
_WITH_TOOLS = ("tool_choice", "parallel_tool_calls")


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that is not honoured: the path of what is left out for it, and its row."""

    place: JsonPath
    parameter: ResponseParameter


def refuse(body: Json, policy: str) -> tuple[Json, list[str]]:
    """The request without what no model here honours, and the paths of what was left out. ``body`` has no nulls.

    Raises:
        UnsupportedParameter: under the policy ``refuse``, or if leaving a parameter out would change the request's
            meaning; the error names the first one.
    """
    found = [_Found((name,), _OF_CHATS) for name in body if name in _CHATS_ALONE]
    _search(body, _RULES, (), found)
    for each in found:
        if policy == "refuse" or each.parameter.always:
            name = path_text(each.place)
            raise UnsupportedParameter(
                f"Unsupported parameter: '{name}' is not supported. {each.parameter.refused}", param=name
            )
    return _left(body, [each.place for each in found]) if found else (body, [])


def _search(value: Any, node: _Node, at: JsonPath, found: list[_Found]) -> None:
    """Add the parts of a value that are not honoured to ``found``."""
    inside: Iterable[tuple[str | int, Any, _Node]]
    if node.items is not None and isinstance(value, list):
        inside = ((index, item, node.items) for index, item in enumerate(value))
    elif isinstance(value, dict):
        inside = ((name, value.get(name), below) for name, below in node.inner.items())
    else:
        return
    for key, below, rules in inside:
        if below is None:
            continue
        parameter = rules.parameter
        if parameter is None:
            if not isinstance(below, str):
                _search(below, rules, (*at, key), found)
        elif not any(_same(below, taken) for taken in parameter.takes):
            place = (*at, key)
            found.append(_Found(place[: len(place) - parameter.carrier], parameter))


def _same(value: Any, taken: Any) -> bool:
    # In JSON, false does not equal 0, but in Python it does.
    return bool(value == taken) and isinstance(value, bool) == isinstance(taken, bool)


def _left(body: Json, places: list[JsonPath]) -> tuple[Json, list[str]]:
    """The request without the values at the given paths and without what has no meaning once those are gone; and the
    paths of both."""
    smaller: Json = without(body, places)
    names = [path_text(place) or "" for place in places]
    if smaller.get("tools") == [] and body["tools"]:
        names += [name for name in _WITH_TOOLS if smaller.pop(name, None) is not None]
    choice = smaller.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        # Remove tools that were left out from the list of allowed tools, unless that would empty the list.
        known = {(tool["type"], tool["name"]) for tool in smaller.get("tools", ())}
        kept = [each for each in choice["tools"] if (each.get("type"), each.get("name")) in known]
        smaller["tool_choice"] = {**choice, "tools": kept or choice["tools"]}
    return smaller, list(dict.fromkeys(names))
