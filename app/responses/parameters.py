"""Every parameter of a Responses request, including nested ones: what it becomes in the chat request, what else it
does, or why it is refused.

A parameter that becomes a chat parameter is honoured or refused like that one, by the model's capabilities. A parameter
without a counterpart takes effect here, or is refused for every model, because this server keeps no state and runs no
tools. A test compares this table with the request schema of the contract; `app.responses.refusing` applies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ResponseParameter:
    """A row of the table, with one of three outcomes.

    ``name`` is a path, in which ``[]`` stands for any item. ``chat`` is the path of its counterpart in the chat
    request, ``effect`` says what it does otherwise, ``refused`` says why it is refused and what to send instead, except
    for the values that it ``takes``. ``always``: it is refused under the policy ``warn`` too, because leaving it out
    would change the request's meaning. ``parts`` are the nested properties that are handled like it, as paths relative
    to it. ``carrier`` is how many levels above it the value is that is left out with it. A name that ends in ``[]`` is
    not a property: the row is about the values in a list.
    """

    name: str
    chat: str = ""
    effect: str = ""
    refused: str = ""
    takes: tuple[Any, ...] = ()
    always: bool = False
    parts: tuple[str, ...] = ()
    carrier: int = 0

    @property
    def paths(self) -> Iterator[str]:
        """The paths of the parameter and of its parts."""
        yield self.name
        for part in self.parts:
            yield self.name + part if part.startswith("[]") else f"{self.name}.{part}"


LOGPROBS = "message.output_text.logprobs"

# For properties of parts that are refused because of their type.
WITH_ITS_PART = "left out with its part"

_LABEL = "a label, for people and logs"
_NO_STATE = "This server keeps nothing between requests."
_NO_FILES = "This server keeps no files: send the content itself."
_NO_TOOLS = "This server runs no tools itself."

_P = ResponseParameter


def _tool(at: str) -> tuple[ResponseParameter, ...]:
    """The rows of a tool at a path of the request."""
    return (
        _P(f"{at}.name", "tools[].function.name"),
        _P(f"{at}.description", "tools[].function.description"),
        _P(f"{at}.parameters", "tools[].function.parameters"),
        _P(f"{at}.strict", "tools[].function.strict"),
        _P(f"{at}.format", "tools[].custom.format", parts=("type", "syntax", "definition")),
        _P(f"{at}.output_schema", refused="It is not passed on to models: leave it out."),
        _P(
            f"{at}.defer_loading",
            refused="This server has no tool search: send false, or leave it out.",
            takes=(False,),
        ),
        _P(f"{at}.allowed_callers", refused='Only the model calls tools: send ["direct"].', takes=([], ["direct"])),
    )


PARAMETERS = (
    _P("model", "model"),
    _P("input", "messages"),
    _P(
        "input[].type",
        "messages[].role",
        refused="Send messages, reasoning, and calls of functions and custom tools with their outputs.",
        takes=(
            *("message", "function_call", "function_call_output"),
            *("custom_tool_call", "custom_tool_call_output", "reasoning"),
        ),
        carrier=1,
    ),
    _P("input[].role", "messages[].role"),
    _P("input[].content", "messages[].content", parts=("[].type", "[].text", "[].refusal")),
    _P("input[].content[].image_url", "messages[].content[].image_url"),
    _P("input[].content[].detail", "messages[].content[].image_url.detail"),
    _P("input[].content[].file_data", "messages[].content[].file.file_data"),
    _P("input[].content[].filename", "messages[].content[].file.filename"),
    _P("input[].content[].file_id", refused=_NO_FILES, carrier=1),
    _P("input[].content[].file_url", refused=_NO_FILES, carrier=1),
    _P(
        "input[].content[].prompt_cache_breakpoint",
        "messages[].content[].prompt_cache_breakpoint",
        parts=("mode", "ttl"),
    ),
    _P("input[].id", effect=f"{_LABEL}: nothing is looked up by it"),
    _P("input[].status", effect=_LABEL),
    _P("input[].phase", effect=_LABEL),
    _P("input[].call_id", "messages[].tool_call_id"),
    _P("input[].name", "messages[].tool_calls[].function.name"),
    _P("input[].arguments", "messages[].tool_calls[].function.arguments"),
    _P("input[].input", "messages[].tool_calls[].custom.input"),
    _P("input[].namespace", "messages[].tool_calls[].function.name", effect="stands before the name"),
    _P("input[].output", "messages[].content", parts=("[].text",)),
    _P("input[].output[].type", refused="The output of a tool must be text.", takes=("input_text",), carrier=1),
    _P(
        "input[].output[].prompt_cache_breakpoint",
        "messages[].content[].prompt_cache_breakpoint",
        parts=("mode", "ttl"),
    ),
    _P("input[].output[].image_url", effect=WITH_ITS_PART),
    _P("input[].output[].detail", effect=WITH_ITS_PART),
    _P("input[].output[].file_id", effect=WITH_ITS_PART),
    _P("input[].output[].filename", effect=WITH_ITS_PART),
    _P("input[].output[].file_data", effect=WITH_ITS_PART),
    _P("input[].output[].file_url", effect=WITH_ITS_PART),
    _P(
        "input[].summary",
        "messages[].reasoning_content",
        effect="used as the reasoning if there is no reasoning text",
        parts=("[].type", "[].text"),
    ),
    _P(
        "input[].encrypted_content",
        refused="Only the server that wrote it can read it: send the reasoning as text, or leave it out.",
    ),
    _P("instructions", "messages[].content", effect="a system message before the input"),
    _P("max_output_tokens", "max_completion_tokens"),
    _P("temperature", "temperature"),
    _P("top_p", "top_p"),
    _P("top_logprobs", "top_logprobs"),
    _P(
        "include",
        "logprobs",
        effect=f"`{LOGPROBS}` brings log probabilities; `reasoning.encrypted_content` nothing: thoughts come as text",
    ),
    _P("include[]", "logprobs", refused=_NO_TOOLS, takes=(LOGPROBS, "reasoning.encrypted_content")),
    _P("text", "response_format"),
    _P("text.format", "response_format", parts=("type",)),
    _P("text.format.name", "response_format.json_schema.name"),
    _P("text.format.description", "response_format.json_schema.description"),
    _P("text.format.schema", "response_format.json_schema.schema"),
    _P("text.format.strict", "response_format.json_schema.strict"),
    _P("text.verbosity", "verbosity"),
    _P("reasoning", "reasoning_effort"),
    _P("reasoning.effort", "reasoning_effort"),
    _P(
        "reasoning.summary",
        refused="This server returns the whole reasoning, without a summary: send auto, or leave it out.",
        takes=("auto",),
    ),
    _P(
        "reasoning.generate_summary",
        refused="This server returns the whole reasoning, without a summary: send auto, or leave it out.",
        takes=("auto",),
    ),
    _P(
        "reasoning.context",
        refused="The model sees exactly the reasoning that is sent as input: send auto, or leave it out.",
        takes=("auto",),
    ),
    _P("reasoning.mode", refused="Send standard, or leave it out.", takes=("standard",)),
    _P("tools", "tools"),
    _P(
        "tools[].type",
        "tools[].type",
        refused=f"{_NO_TOOLS} Send functions, custom tools and namespaces of these.",
        takes=("function", "custom", "namespace"),
        carrier=1,
    ),
    *_tool("tools[]"),
    _P("tools[].tools", "tools", effect="of a namespace, each a tool of its own", parts=("[].type",)),
    *_tool("tools[].tools[]"),
    _P("tool_choice", "tool_choice"),
    _P(
        "tool_choice.type",
        "tool_choice.type",
        refused=f"{_NO_TOOLS} Choose a function or a custom tool.",
        takes=("allowed_tools", "function", "custom"),
        carrier=1,
    ),
    _P("tool_choice.mode", "tool_choice.allowed_tools.mode"),
    _P("tool_choice.tools", "tool_choice.allowed_tools.tools"),
    _P("tool_choice.name", "tool_choice.function.name"),
    _P("parallel_tool_calls", "parallel_tool_calls"),
    _P("max_tool_calls", refused=f"{_NO_TOOLS} Leave it out."),
    _P("stream", "stream"),
    _P("stream_options", effect="read for what is in it"),
    _P("stream_options.include_obfuscation", effect="pads deltas; off unless asked for"),
    _P("metadata", effect="comes back with the answer"),
    _P("client_metadata", effect=_LABEL),
    _P("store", refused=f"{_NO_STATE} Send false, or leave it out.", takes=(False,)),
    _P("previous_response_id", refused=f"{_NO_STATE} Send the whole conversation as input.", always=True),
    _P("conversation", refused=f"{_NO_STATE} Send the whole conversation as input.", always=True, parts=("id",)),
    _P(
        "prompt",
        refused=f"{_NO_STATE} Send its words as input and instructions.",
        always=True,
        parts=("id", "version", "variables"),
    ),
    _P("background", refused=f"{_NO_STATE} Send false, or leave it out.", takes=(False,), always=True),
    _P(
        "context_management",
        refused="This server does not truncate conversations: leave it out.",
        parts=("[].type", "[].compact_threshold"),
    ),
    _P(
        "truncation",
        refused="This server does not truncate conversations: send disabled, or leave it out.",
        takes=("disabled",),
    ),
    _P(
        "moderation",
        refused="Leave it out.",
        parts=("model", "policy", "policy.input", "policy.input.mode", "policy.output", "policy.output.mode"),
    ),
    _P("service_tier", "service_tier"),
    _P("safety_identifier", "safety_identifier"),
    _P("user", "user"),
    _P("prompt_cache_key", "prompt_cache_key"),
    _P("prompt_cache_retention", "prompt_cache_retention"),
    _P("prompt_cache_options", "prompt_cache_options", parts=("mode", "ttl")),
)

KNOWN = frozenset(parameter.name.partition(".")[0].removesuffix("[]") for parameter in PARAMETERS)
