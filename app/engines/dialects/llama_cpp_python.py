"""llama-cpp-python's server, which supports an older version of the API's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import UnsupportedParameter
from ...jsontypes import Json
from ..tool_choice import ToolChoice, name_of
from .dialect import COMMON, Dialect, UpstreamModel, Written, custom_calls, joined, unsupported


@dataclass(frozen=True)
class LlamaCppPythonDialect(Dialect):
    """Constrains an answer to the arguments of one named tool, or to a JSON schema in a format of its own."""

    def unsupported(self, request: Json) -> Iterator[UnsupportedParameter]:
        choice = ToolChoice.of(request)
        if choice.must and len(choice.names) != 1:
            yield unsupported("tool_choice", "cannot be made to call one of several tools. Name one in tool_choice.")
        if choice.names and request.get("parallel_tool_calls") is False and not choice.must:
            yield unsupported("parallel_tool_calls", "may call several tools at once. Leave it out or send true.")

        yield from custom_calls(request["messages"])

    def write(self, request: Json, upstream: UpstreamModel) -> Written:
        written = super().write(request, upstream)
        written.whole = written.asked.usage  # its streams have no usage
        return written

    def choose_tools(self, body: Json, choice: ToolChoice | None) -> None:
        super().choose_tools(body, choice)
        body.pop("parallel_tool_calls", None)
        if choice is not None and choice.must and body.get("tools"):
            body["tool_choice"] = {"type": "function", "function": {"name": name_of(body["tools"][0])}}

    def adapt(self, body: Json) -> None:
        body["messages"] = [_told(joined(message)) for message in body["messages"]]
        form = body.get("response_format") or {}
        if form.get("type") == "json_schema":
            body["response_format"] = {"type": "json_object", "schema": form["json_schema"].get("schema") or {}}
        if body.get("logprobs"):
            # If no alternatives are requested, it returns no log probabilities at all.
            body["top_logprobs"] = max(body.get("top_logprobs") or 0, 1)


def _told(message: Json) -> Json:
    """Return a message without nulls, which the server requires, and with a content, which templates require."""
    return {"content": "", **{name: value for name, value in message.items() if value is not None}}


LLAMA_CPP_PYTHON = LlamaCppPythonDialect(
    "llama-cpp-python",
    COMMON | {"seed", "logit_bias"},
    makes_choices=False,
    defaults={"temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0, "repeat_penalty": 1},
    limit="max_tokens",
    roles={"developer": "system"},
    names=False,
    extra_parameters=frozenset({"top_k", "min_p", "repeat_penalty", "min_tokens"}),
)
