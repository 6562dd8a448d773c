"""Applies the table of parameters to a request: what a model cannot honour is refused by name, or left out and named.

The unsupported part of the table is computed once for each set of capabilities. Then only the parts of a request that
may contain an unsupported parameter are searched, so a simple request costs one lookup per name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..contract.explain import path_text
from ..contract.pointers import JsonPath
from ..engines.base import Model
from ..engines.tool_choice import reference_of
from ..errors import UnsupportedParameter
from ..jsontypes import Json
from .parameters import ChatParameter
from .support import advice
from .tables import CHAT, Table

# Parameters that mean nothing once no tool is left.
_WITH_TOOLS = ("tool_choice", "parallel_tool_calls")


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Something in a request that would have no effect with a model. ``place`` is the path of what is left out for
    it."""

    place: JsonPath
    parameter: ChatParameter

    @property
    def param(self) -> str:
        return path_text(self.place) or ""

    @property
    def message(self) -> str:
        return f"Unsupported parameter: '{self.param}' is not supported with this model. {advice(self.parameter)}"


@dataclass(slots=True)
class _Node:
    """A property that is not supported (``parameter``), or that contains unsupported ones (``inner``)."""

    parameter: ChatParameter | None = None
    inner: dict[str, _Node] = field(default_factory=dict)


def honour(body: Json, model: Model, *, policy: str, table: Table = CHAT) -> tuple[Json, list[str]]:
    """The request for the model, without its nulls, and the paths of the parameters that the model cannot honour.

    A field that the document allows but the table does not list counts as unsupported, unless it is one of the model's
    extra parameters. Under the policy ``refuse`` nothing is left out; under ``warn`` everything unsupported is.

    Raises:
        UnsupportedParameter: under ``refuse``; the error names the first unsupported parameter.
    """
    found = _lacking(body, model, table)
    if not found:
        return {name: value for name, value in body.items() if value is not None}, []
    if policy == "refuse":
        raise UnsupportedParameter(found[0].message, param=found[0].param)
    asked = {name: value for name, value in body.items() if value is not None}
    return leave_out(asked, [unsupported.place for unsupported in found])


def honours_all(body: Json, model: Model, table: Table = CHAT) -> bool:
    """Whether a model honours everything that a request asks for."""
    return table.operation in model.operations and not _lacking(body, model, table)


def best_variant(body: Json, model: Model, table: Table = CHAT) -> Model:
    """Of the kinds of servers that a model runs on, the one with the fewest unsupported parameters of a request."""
    if not model.variants:
        return model
    able = [variant for variant in model.variants if table.operation in variant.operations]
    return min(able, key=lambda variant: len(_lacking(body, variant, table)), default=model)


def _lacking(body: Json, model: Model, table: Table) -> list[Unsupported]:
    rules = _rules(model.capabilities, model.extra_parameters, table)
    found: list[Unsupported] = []
    for name, value in body.items():
        node = rules.get(name, _UNKNOWN)
        if node is not None and value is not None:
            _find(value, node, (name,), found)
    return found


def leave_out(request: Json, places: list[JsonPath]) -> tuple[Json, list[str]]:
    """A request without the values at the given paths and without what has no meaning once those are gone; and the
    paths of both."""
    smaller: Json = without(request, places)
    names = [path_text(place) or "" for place in places]
    if smaller.get("tools") == [] and request["tools"]:
        names += [name for name in _WITH_TOOLS if smaller.pop(name, None) is not None]
    elif smaller.get("tools") != request.get("tools"):
        _allow_what_is_left(smaller)
    return smaller, list(dict.fromkeys(names))


def _allow_what_is_left(request: Json) -> None:
    """Remove tools that were left out from the list of allowed tools, unless that would empty the list."""
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        known = [reference_of(tool) for tool in request["tools"]]
        allowed = choice["allowed_tools"]
        left = [tool for tool in allowed["tools"] if reference_of(tool) in known]
        if left:
            request["tool_choice"] = {**choice, "allowed_tools": {**allowed, "tools": left}}


_UNKNOWN = _Node(ChatParameter(""))


@lru_cache(maxsize=256)
def _rules(capabilities: frozenset[str], extra: frozenset[str], table: Table) -> dict[str, _Node | None]:
    """What to search for under each top-level name of a request; None: nothing."""
    rules: dict[str, _Node | None] = dict.fromkeys(extra)
    for parameter in table.parameters:
        top, *rest = parameter.name.replace("[]", "").split(".")
        rules.setdefault(top, None)
        if parameter.needs is None or parameter.needs in capabilities:
            continue
        node = rules[top] = rules[top] or _Node()
        for name in rest:
            node = node.inner.setdefault(name, _Node())
        node.parameter = parameter
    return rules


def _find(value: Any, node: _Node, at: JsonPath, found: list[Unsupported]) -> None:
    parameter = node.parameter
    if parameter is not None:
        if not any(_same(value, neutral) for neutral in parameter.neutral):
            found.append(Unsupported(at[: len(at) - parameter.carrier], parameter))
        return
    inside = tuple(node.inner.items())
    for index, item in enumerate(value) if isinstance(value, list) else ((None, value),):
        if not isinstance(item, dict):
            continue
        for name, inner in inside:
            below = item.get(name)
            # Most values in messages are strings, which contain nothing to find.
            if below is not None and (not isinstance(below, str) or inner.parameter is not None):
                _find(below, inner, (*at, name) if index is None else (*at, index, name), found)


def _same(value: Any, neutral: Any) -> bool:
    # In JSON, true does not equal 1, but in Python it does.
    return bool(value == neutral) and isinstance(value, bool) == isinstance(neutral, bool)


def without(value: Any, places: list[JsonPath]) -> Any:
    """A copy without the values at some paths; it shares everything else with the original."""
    below: dict[str | int, list[JsonPath]] = {}
    for place in places:
        below.setdefault(place[0], []).append(place[1:])
    pairs = enumerate(value) if isinstance(value, list) else value.items()
    kept = [
        (key, without(inner, below[key]) if key in below else inner)
        for key, inner in pairs
        if () not in below.get(key, ())
    ]
    return [inner for _, inner in kept] if isinstance(value, list) else dict(kept)
