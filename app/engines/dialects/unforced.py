"""A server that shows tools to its model, and cannot make it call one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import UnsupportedParameter
from ...jsontypes import Json
from ..tool_choice import ToolChoice
from .dialect import Dialect, unsupported


@dataclass(frozen=True)
class UnforcedDialect(Dialect):
    """Cannot be made to call a tool, nor to call no more than one."""

    def unsupported(self, request: Json) -> Iterator[UnsupportedParameter]:
        choice = ToolChoice.of(request)
        if choice.must:
            yield unsupported("tool_choice", "cannot be made to call a tool. Send tool_choice auto or none.")
        if choice.names and request.get("parallel_tool_calls") is False:
            yield unsupported("parallel_tool_calls", "may call several tools at once. Leave it out or send true.")

    def adapt(self, body: Json) -> None:
        body.pop("tool_choice", None)
