"""Every request parameter, including nested ones: what it needs from a model, and which values request nothing.

A parameter takes effect or is refused by name; none is dropped silently. A value that requests the default behaviour
does not count as using a feature: SDKs send ``store: false`` to every model. Null requests nothing. A test compares
this table with the request schema of the contract; `app.chat.policy` applies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..keeping import NO_DATABASE


@dataclass(frozen=True, slots=True)
class ChatParameter:
    """A row of the table.

    ``name`` is a path, in which ``[]`` stands for any item. ``needs`` is a capability of the model; None: it needs no
    more than its parent. ``neutral`` are the values that request nothing. ``effect`` says what the parameter does here,
    if its name does not say it. ``instead`` says what to send to a model without the capability, if leaving the
    parameter out is not enough. ``parts`` are the nested properties that are handled like it, as paths relative to it.
    ``carrier`` is how many levels above it the value is that makes no sense without it and is left out with it: for
    example, the content part of an image, which is nothing without the image.
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
        """The paths of the parameter and of its parts."""
        yield self.name
        for part in self.parts:
            yield self.name + part if part.startswith("[]") else f"{self.name}.{part}"


_TEXT_ALONE = "Send text."
_LABEL = "a label, for people and logs"

PARAMETERS = (
    ChatParameter("model"),
    ChatParameter(
        "messages",
        parts=(
            *("[].role", "[].content", "[].content[].type", "[].content[].text", "[].content[].refusal", "[].refusal"),
            *("[].tool_calls", "[].tool_calls[].id", "[].tool_calls[].type"),
            *("[].tool_calls[].function", "[].tool_calls[].function.name", "[].tool_calls[].function.arguments"),
            *("[].tool_calls[].custom", "[].tool_calls[].custom.name", "[].tool_calls[].custom.input"),
            *("[].function_call", "[].function_call.name", "[].function_call.arguments", "[].tool_call_id"),
        ),
    ),
    ChatParameter(
        "messages[].name", effect="handed to the model's chat template, which shows it if it has a place for it"
    ),
    ChatParameter(
        "messages[].reasoning_content",
        effect="handed to the model's chat template, which shows it if it has a place for it",
    ),
    ChatParameter("messages[].audio", "audio", parts=("id",)),
    ChatParameter("messages[].content[].image_url", "images", instead=_TEXT_ALONE, parts=("url",), carrier=1),
    ChatParameter("messages[].content[].image_url.detail", "image_detail", ("auto",)),
    ChatParameter(
        "messages[].content[].input_audio", "audio_input", instead=_TEXT_ALONE, parts=("data", "format"), carrier=1
    ),
    ChatParameter(
        "messages[].content[].file",
        "files",
        instead=_TEXT_ALONE,
        parts=("filename", "file_data", "file_id"),
        carrier=1,
    ),
    ChatParameter("messages[].content[].prompt_cache_breakpoint", "prompt_cache", parts=("mode",)),
    ChatParameter("messages[].content[].prompt_cache_breakpoint.ttl", "prompt_cache_retention"),
    ChatParameter("stream"),
    ChatParameter("stream_options"),
    ChatParameter("stream_options.include_usage"),
    ChatParameter("stream_options.include_obfuscation", effect="pads chunks; off unless asked for"),
    ChatParameter(
        "stream_options.continuous_usage_stats",
        "continuous_usage",
        (False,),
        effect="every chunk has the counts so far",
    ),
    ChatParameter("n", effect="each choice is an answer of its own; with a seed each has one that follows from it"),
    ChatParameter("user", effect="written to the request log as a digest"),
    ChatParameter("safety_identifier", effect="written to the request log as a digest"),
    ChatParameter("metadata", effect="comes back with a whole answer"),
    ChatParameter("max_completion_tokens", "length"),
    ChatParameter("max_tokens", "max_tokens", instead="Use 'max_completion_tokens' instead."),
    ChatParameter("temperature", "sampling", (1,)),
    ChatParameter("top_p", "sampling", (1,)),
    ChatParameter("seed", "seed"),
    ChatParameter("stop", "stop"),
    ChatParameter("frequency_penalty", "penalties", (0,)),
    ChatParameter("presence_penalty", "penalties", (0,)),
    ChatParameter("logit_bias", "logit_bias", ({},)),
    ChatParameter("logprobs", "logprobs", (False,)),
    ChatParameter("top_logprobs", "logprobs", (0,)),
    ChatParameter(
        "response_format",
        "response_format",
        ({"type": "text"},),
        parts=("type", "json_schema", "json_schema.schema"),
    ),
    ChatParameter("response_format.json_schema.name", effect=_LABEL),
    ChatParameter("response_format.json_schema.description", effect="told to the model before the conversation"),
    ChatParameter("response_format.json_schema.strict", effect="an answer is bound to its schema either way"),
    ChatParameter(
        "tools",
        "tools",
        ([],),
        parts=(
            *("[].type", "[].function"),
            *("[].function.name", "[].function.description", "[].function.parameters"),
        ),
    ),
    ChatParameter("tools[].function.strict", effect="the arguments are checked against all of the schema"),
    ChatParameter(
        "tools[].custom",
        "custom_tools",
        parts=(
            *("name", "description", "format", "format.type"),
            *("format.grammar", "format.grammar.definition", "format.grammar.syntax"),
        ),
        carrier=1,
    ),
    ChatParameter(
        "tool_choice",
        "tools",
        ("none", "auto"),
        parts=(
            *("type", "function", "function.name"),
            *("allowed_tools", "allowed_tools.mode", "allowed_tools.tools"),
        ),
    ),
    ChatParameter("tool_choice.custom", "custom_tools", parts=("name",), carrier=1),
    ChatParameter("parallel_tool_calls", "tools", (True,)),
    ChatParameter("functions", "functions", parts=("[].name", "[].description", "[].parameters")),
    ChatParameter("function_call", "functions", ("none", "auto"), parts=("name",)),
    ChatParameter("modalities", "audio", (["text"],)),
    ChatParameter("audio", "audio", parts=("voice", "voice.id", "format")),
    ChatParameter(
        "prediction",
        "prediction",
        parts=(
            *("type", "content", "content[].type", "content[].text"),
            *("content[].prompt_cache_breakpoint", "content[].prompt_cache_breakpoint.mode"),
            "content[].prompt_cache_breakpoint.ttl",
        ),
    ),
    ChatParameter(
        "web_search_options",
        "web_search",
        parts=(
            *("search_context_size", "user_location", "user_location.type", "user_location.approximate"),
            *("user_location.approximate.country", "user_location.approximate.region"),
            *("user_location.approximate.city", "user_location.approximate.timezone"),
        ),
    ),
    ChatParameter(
        "moderation",
        "moderation",
        parts=("model", "policy", "policy.input", "policy.input.mode", "policy.output", "policy.output.mode"),
    ),
    ChatParameter("reasoning_effort", "reasoning", ("none",)),
    ChatParameter("verbosity", "verbosity", ("medium",)),
    ChatParameter("service_tier", "service_tier", ("auto", "default")),
    ChatParameter("store", "store", (False,), instead=f"{NO_DATABASE} Or leave it out, or send false."),
    ChatParameter(
        "prompt_cache_key",
        "prompt_cache_key",
        effect="its conversations share what was read of them with no other",
    ),
    ChatParameter("prompt_cache_retention", "prompt_cache_retention", ("in_memory",)),
    ChatParameter("prompt_cache_options"),
    ChatParameter("prompt_cache_options.mode", "prompt_cache", ("implicit",)),
    ChatParameter("prompt_cache_options.ttl", "prompt_cache_retention"),
)

BY_PATH = {path: parameter for parameter in PARAMETERS for path in parameter.paths}

CAPABILITIES = frozenset(parameter.needs for parameter in PARAMETERS if parameter.needs is not None)
