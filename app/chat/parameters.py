"""Every parameter of a request, nested ones too: what it needs of a model, and which values ask for nothing.

A parameter takes effect or is refused by name; none is dropped in silence. A value that asks for what happens anyway
is no request for a feature: SDKs send ``store: false`` to every model. Null asks for nothing. A test holds this table
against the request schema of the contract; `app.chat.policy` applies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Parameter:
    """A row of the table.

    ``name`` is a path, ``[]`` standing for any item. ``needs`` is a capability of the model; None: what holds it is
    enough. ``effect`` says what it does here, where that is not what its name says; ``instead`` what to send to a
    model without the capability, where leaving it out is not the whole answer. ``parts`` are the properties inside
    it that share its fate, as paths from it. ``carrier`` is how many steps above it that begins which makes no sense
    without it and is left out with it: a part of a message without its picture is none.
    """

    name: str
    needs: str | None = None
    neutral: tuple[Any, ...] = ()
    effect: str = ""
    instead: str = ""
    parts: tuple[str, ...] = ()
    carrier: int = 0

    @property
    def paths(self) -> Iterator[str]:
        """The path of the parameter and those of its parts."""
        yield self.name
        for part in self.parts:
            yield self.name + part if part.startswith("[]") else f"{self.name}.{part}"


_TEXT_ALONE = "Send text."
_LABEL = "a label, for people and logs"

PARAMETERS = (
    Parameter("model"),
    Parameter(
        "messages",
        parts=(
            *("[].role", "[].content", "[].content[].type", "[].content[].text", "[].content[].refusal", "[].refusal"),
            *("[].tool_calls", "[].tool_calls[].id", "[].tool_calls[].type"),
            *("[].tool_calls[].function", "[].tool_calls[].function.name", "[].tool_calls[].function.arguments"),
            *("[].tool_calls[].custom", "[].tool_calls[].custom.name", "[].tool_calls[].custom.input"),
            *("[].function_call", "[].function_call.name", "[].function_call.arguments", "[].tool_call_id"),
        ),
    ),
    Parameter("messages[].name", effect="handed to the model's chat template, which shows it if it has a place for it"),
    Parameter("messages[].audio", "audio", parts=("id",)),
    Parameter("messages[].content[].image_url", "images", instead=_TEXT_ALONE, parts=("url",), carrier=1),
    Parameter("messages[].content[].image_url.detail", "image_detail", ("auto",)),
    Parameter(
        "messages[].content[].input_audio", "audio_input", instead=_TEXT_ALONE, parts=("data", "format"), carrier=1
    ),
    Parameter(
        "messages[].content[].file",
        "files",
        instead=_TEXT_ALONE,
        parts=("filename", "file_data", "file_id"),
        carrier=1,
    ),
    Parameter("messages[].content[].prompt_cache_breakpoint", "prompt_cache", parts=("mode",)),
    Parameter("stream"),
    Parameter("stream_options"),
    Parameter("stream_options.include_usage"),
    Parameter("stream_options.include_obfuscation", effect="pads chunks; off unless asked for"),
    Parameter("n", effect="each choice is an answer of its own; with a seed each has one that follows from it"),
    Parameter("user", effect="written to the request log as a digest"),
    Parameter("safety_identifier", effect="written to the request log as a digest"),
    Parameter("metadata", effect="comes back with a whole answer"),
    Parameter("max_completion_tokens", "length"),
    Parameter("max_tokens", "max_tokens", instead="Use 'max_completion_tokens' instead."),
    Parameter("temperature", "sampling", (1,)),
    Parameter("top_p", "sampling", (1,)),
    Parameter("seed", "seed"),
    Parameter("stop", "stop"),
    Parameter("frequency_penalty", "penalties", (0,)),
    Parameter("presence_penalty", "penalties", (0,)),
    Parameter("logit_bias", "logit_bias", ({},)),
    Parameter("logprobs", "logprobs", (False,)),
    Parameter("top_logprobs", "logprobs", (0,)),
    Parameter(
        "response_format",
        "response_format",
        ({"type": "text"},),
        parts=("type", "json_schema", "json_schema.schema"),
    ),
    Parameter("response_format.json_schema.name", effect=_LABEL),
    Parameter("response_format.json_schema.description", effect="told to the model before the conversation"),
    Parameter("response_format.json_schema.strict", effect="an answer is bound to its schema either way"),
    Parameter(
        "tools",
        "tools",
        ([],),
        parts=(
            *("[].type", "[].function"),
            *("[].function.name", "[].function.description", "[].function.parameters"),
        ),
    ),
    Parameter("tools[].function.strict", effect="the arguments are checked against all of the schema"),
    Parameter(
        "tools[].custom",
        "custom_tools",
        parts=(
            *("name", "description", "format", "format.type"),
            *("format.grammar", "format.grammar.definition", "format.grammar.syntax"),
        ),
        carrier=1,
    ),
    Parameter(
        "tool_choice",
        "tools",
        ("none", "auto"),
        parts=(
            *("type", "function", "function.name"),
            *("allowed_tools", "allowed_tools.mode", "allowed_tools.tools"),
        ),
    ),
    Parameter("tool_choice.custom", "custom_tools", parts=("name",), carrier=1),
    Parameter("parallel_tool_calls", "tools", (True,)),
    Parameter("functions", "functions", parts=("[].name", "[].description", "[].parameters")),
    Parameter("function_call", "functions", ("none", "auto"), parts=("name",)),
    Parameter("modalities", "audio", (["text"],)),
    Parameter("audio", "audio", parts=("voice", "voice.id", "format")),
    Parameter(
        "prediction",
        "prediction",
        parts=(
            *("type", "content", "content[].type", "content[].text"),
            *("content[].prompt_cache_breakpoint", "content[].prompt_cache_breakpoint.mode"),
        ),
    ),
    Parameter(
        "web_search_options",
        "web_search",
        parts=(
            *("search_context_size", "user_location", "user_location.type", "user_location.approximate"),
            *("user_location.approximate.country", "user_location.approximate.region"),
            *("user_location.approximate.city", "user_location.approximate.timezone"),
        ),
    ),
    Parameter(
        "moderation",
        "moderation",
        parts=("model", "policy", "policy.input", "policy.input.mode", "policy.output", "policy.output.mode"),
    ),
    Parameter("reasoning_effort", "reasoning", ("none",)),
    Parameter("verbosity", "verbosity", ("medium",)),
    Parameter("service_tier", "service_tier", ("auto", "default")),
    Parameter("store", "store", (False,)),
    Parameter(
        "prompt_cache_key",
        "prompt_cache_key",
        effect="its conversations keep a slot, and share what was read with no other",
    ),
    Parameter("prompt_cache_retention", "prompt_cache_retention", ("in_memory",)),
    Parameter("prompt_cache_options"),
    Parameter("prompt_cache_options.mode", "prompt_cache", ("implicit",)),
    Parameter("prompt_cache_options.ttl", "prompt_cache_retention"),
)

BY_PATH = {path: parameter for parameter in PARAMETERS for path in parameter.paths}

CAPABILITIES = frozenset(parameter.needs for parameter in PARAMETERS if parameter.needs is not None)
