"""Finds what of a request no model here can honour, by the table of parameters: it is refused by name, or left out and
named."""

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
    """A step of paths: the row that is about what is there (``parameter``), or what there is to look for inside, in
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
# What only a chat completion has would be read as a part of the one that a request comes to.
_CHATS_ALONE = known_to(CHAT) - KNOWN
_OF_CHATS = ResponseParameter("", refused="Only chat completions have it: leave it out.")
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
    """Add what is not honoured of a value."""
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
