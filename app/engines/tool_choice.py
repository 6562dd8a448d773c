"""Determines which of a request's tools may be called, and whether one must be: the only code that interprets
``tool_choice`` and its deprecated counterpart ``function_call``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BadRequest
from ..jsontypes import Json

_ABOUT_TOOLS = frozenset({"tools", "tool_choice", "functions", "function_call"})


@dataclass(slots=True)
class ToolChoice:
    """``names`` are the tools that may be called, in the request's order. ``must``: the answer must be a call; ``one``:
    a single call of the tool chosen by name. ``functions``: request and answer use the deprecated ``functions``."""

    names: tuple[str, ...] = ()
    must: bool = False
    one: bool = False
    functions: bool = False

    @property
    def param(self) -> str:
        """The name of the parameter with the choice."""
        return "function_call" if self.functions else "tool_choice"

    @classmethod
    def of(cls, request: Json) -> ToolChoice:
        """Read the choice of a request that has passed `check_tool_choice`."""
        if "tools" not in request and "functions" not in request:
            return cls()
        tools = request.get("tools") or ()
        functions = not tools and bool(request.get("functions"))
        names = (
            tuple(function["name"] for function in request["functions"]) if functions else tuple(map(name_of, tools))
        )
        choice = request.get("function_call" if functions else "tool_choice")
        if choice == "none":
            return cls(functions=functions)
        if not isinstance(choice, dict):
            return cls(names, choice == "required" and bool(names), functions=functions)
        if functions:
            return cls((choice["name"],), must=True, one=True, functions=True)
        if choice["type"] == "allowed_tools":
            allowed = {name_of(tool) for tool in choice["allowed_tools"]["tools"]}
            return cls(tuple(name for name in names if name in allowed), choice["allowed_tools"]["mode"] == "required")
        return cls((name_of(choice),), must=True, one=True)


def name_of(tool: Json) -> str:
    """Return the name of a tool, or of a reference to one."""
    name: str = tool[tool["type"]]["name"]
    return name


def reference_of(tool: Json) -> tuple[object, object]:
    """Return the kind and the name of a tool or of a reference to one, which may be malformed."""
    kind = tool.get("type")
    body = tool.get(kind) if isinstance(kind, str) else None
    return kind, body.get("name") if isinstance(body, dict) else None


def check_tool_choice(request: Json) -> None:
    """Check that a request's choice refers to its tools.

    Raises:
        BadRequest: the request has no tools to choose from, the chosen tool does not exist, or the choice would have no
            effect.
    """
    if _ABOUT_TOOLS.isdisjoint(request):
        return
    tools, functions = request.get("tools") or (), request.get("functions") or ()
    if tools and functions:
        raise BadRequest(
            "functions cannot be combined with tools: send only tools.", param="functions", code="invalid_value"
        )
    _refuse_idle(request, "tool_choice", "tools", tools, functions)
    _refuse_idle(request, "function_call", "functions", functions, tools)
    choice = request.get("tool_choice")
    if tools and isinstance(choice, dict):
        known = set(map(reference_of, tools))
        if choice["type"] != "allowed_tools":
            _refuse_absent(choice, known, "tool_choice")
            return
        allowed = choice["allowed_tools"]["tools"]
        for index, reference in enumerate(allowed):
            _refuse_absent(reference, known, f"tool_choice.allowed_tools.tools[{index}]")
        if not allowed:
            param = "tool_choice.allowed_tools.tools"
            raise BadRequest("No tool is allowed: name at least one.", param=param, code="invalid_value")
    choice = request.get("function_call")
    if functions and isinstance(choice, dict) and choice["name"] not in {function["name"] for function in functions}:
        raise _absent("functions", "function_call.name")


def _refuse_idle(request: Json, param: str, needs: str, there: Sequence[Json], others: Sequence[Json]) -> None:
    """Refuse a choice among tools that are not there, except for choices that request nothing."""
    harmless = (None, "auto") if others else (None, "auto", "none")
    if not there and request.get(param) not in harmless:
        raise BadRequest(f"{param} needs {needs}: send some, or leave it out.", param=param, code="invalid_value")


def _refuse_absent(reference: Json, known: set[tuple[object, object]], param: str) -> None:
    kind, name = reference_of(reference)
    if not isinstance(name, str) or (kind, name) not in known:
        raise _absent("tools", f"{param}.{kind}.name" if kind in ("function", "custom") else param)


def _absent(needs: str, param: str) -> BadRequest:
    return BadRequest(
        f"This is not one of the {needs} of the request: choose one of them by name.",
        param=param,
        code="invalid_value",
    )
