"""Every parameter of a request: what it needs of a model, and which values ask for nothing.

A parameter takes effect or is refused by name; none is dropped in silence. A value that asks for what happens anyway
is no request for a feature: SDKs send ``n: 1`` and ``store: false`` to every model. Null asks for nothing.
A test holds this table against the request schema of the contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..engines.base import Json, Model
from ..errors import UnsupportedParameter


@dataclass(frozen=True, slots=True)
class Parameter:
    """``needs`` is a capability of the model; None: the server honours it itself, whatever the model."""

    name: str
    needs: str | None = None
    neutral: tuple[Any, ...] = ()


PARAMETERS = (
    Parameter("model"),
    Parameter("messages"),
    Parameter("stream"),
    Parameter("stream_options"),
    # Written to the request log as a digest.
    Parameter("user"),
    Parameter("safety_identifier"),
    Parameter("max_completion_tokens", "length"),
    Parameter("max_tokens", "length"),
    Parameter("temperature", "sampling", (1,)),
    Parameter("top_p", "sampling", (1,)),
    Parameter("seed", "seed"),
    Parameter("stop", "stop"),
    Parameter("frequency_penalty", "penalties", (0,)),
    Parameter("presence_penalty", "penalties", (0,)),
    Parameter("logit_bias", "logit_bias", ({},)),
    Parameter("n", "choices", (1,)),
    Parameter("logprobs", "logprobs", (False,)),
    Parameter("top_logprobs", "logprobs", (0,)),
    Parameter("response_format", "response_format", ({"type": "text"},)),
    Parameter("tools", "tools", ([],)),
    Parameter("tool_choice", "tools", ("none", "auto")),
    Parameter("parallel_tool_calls", "tools", (True,)),
    Parameter("functions", "tools"),
    Parameter("function_call", "tools", ("none", "auto")),
    Parameter("modalities", "audio", (["text"],)),
    Parameter("audio", "audio"),
    Parameter("prediction", "prediction"),
    Parameter("web_search_options", "web_search"),
    Parameter("moderation", "moderation"),
    Parameter("reasoning_effort", "reasoning", ("none",)),
    Parameter("verbosity", "verbosity", ("medium",)),
    Parameter("service_tier", "service_tier", ("auto", "default")),
    Parameter("store", "store", (False,)),
    Parameter("metadata", "metadata", ({},)),
    Parameter("prompt_cache_key", "prompt_cache"),
    Parameter("prompt_cache_retention", "prompt_cache"),
    Parameter("prompt_cache_options", "prompt_cache", ({},)),
)

_NEEDS = {parameter.name: parameter for parameter in PARAMETERS if parameter.needs is not None}

# What a part of a message needs; text and refusal need nothing.
_PART_NEEDS = {"image_url": "images", "input_audio": "audio", "file": "files"}


def refuse_unsupported(body: Json, model: Model) -> None:
    """Do nothing when the model honours all that a request asks for.

    Raises:
        UnsupportedParameter: it names the first parameter that would have no effect.
    """
    for param, message in _unsupported(body, model):
        raise UnsupportedParameter(message, param=param)


def _unsupported(body: Json, model: Model) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        parameter = _NEEDS.get(name)
        if parameter is None or value is None or parameter.needs in model.capabilities:
            continue
        if not any(_same(value, neutral) for neutral in parameter.neutral):
            yield name, f"Unsupported parameter: '{name}' is not supported with this model.{_hint(parameter)}"
    if (body.get("stream_options") or {}).get("include_obfuscation"):
        name = "stream_options.include_obfuscation"
        yield name, f"Unsupported parameter: '{name}' is not supported; leave it out or send false."
    for index, message in enumerate(body["messages"]):
        if message.get("audio") is not None and "audio" not in model.capabilities:
            name = f"messages[{index}].audio"
            yield name, f"Unsupported parameter: '{name}' is not supported with this model."
        content = message.get("content")
        if isinstance(content, list):
            yield from _unsupported_parts(content, index, model)


def _unsupported_parts(content: list[Json], index: int, model: Model) -> Iterator[tuple[str, str]]:
    for number, part in enumerate(content):
        name = f"messages[{index}].content[{number}]"
        needs = _PART_NEEDS.get(part["type"])
        if needs is not None and needs not in model.capabilities:
            yield (
                name,
                f"Unsupported content: '{name}' is a part of a type that this model does not read; send text.",
            )
        if part.get("prompt_cache_breakpoint") is not None and "prompt_cache" not in model.capabilities:
            name += ".prompt_cache_breakpoint"
            yield name, f"Unsupported parameter: '{name}' is not supported with this model."


def _same(value: Any, neutral: Any) -> bool:
    # JSON's true is not 1, though Python's is.
    return value == neutral and isinstance(value, bool) == isinstance(neutral, bool)


def _hint(parameter: Parameter) -> str:
    if not parameter.neutral:
        return " Leave it out."
    plain = {True: "true", False: "false"}
    values = [plain[v] if isinstance(v, bool) else repr(v) for v in parameter.neutral]
    return f" Leave it out or send {' or '.join(values)}."
