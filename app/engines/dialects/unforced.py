"""A server that shows tools to its model but cannot force it to call one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import UnsupportedParameter
from ...jsontypes import Json
from ..tool_choice import ToolChoice
from .dialect import Dialect, unsupported


@dataclass(frozen=True)
class UnforcedDialect(Dialect):
    """Cannot force a tool call, and cannot limit the calls to one."""

    def unsupported(self, request: Json) -> Iterator[UnsupportedParameter]:
        choice = ToolChoice.of(request)
        if choice.must:
            yield unsupported("tool_choice", "cannot be made to call a tool. Send tool_choice auto or none.")
        if choice.names and request.get("parallel_tool_calls") is False:
            yield unsupported("parallel_tool_calls", "may call several tools at once. Leave it out or send true.")

    def adapt(self, body: Json) -> None:
        body.pop("tool_choice", None)
