"""Every parameter of a request: what it needs of a model, and which values ask for nothing.

A parameter takes effect or is refused by name; none is dropped in silence. A value that asks for what happens anyway
is no request for a feature: SDKs send ``store: false`` to every model. Null asks for nothing. A test holds this table
against the request schema of the contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..engines.base import Json, Model
from ..errors import UnsupportedParameter


@dataclass(frozen=True, slots=True)
class Parameter:
    """``needs`` is a capability of the model; None: the server honours it itself, whatever the model. ``effect`` says
    what it does here, where that is not what its name says."""

    name: str
    needs: str | None = None
    neutral: tuple[Any, ...] = ()
    effect: str = ""


PARAMETERS = (
    Parameter("model"),
    Parameter("messages"),
    Parameter("stream"),
    Parameter("stream_options"),
    Parameter("n", effect="each choice is an answer of its own; with a seed each has one that follows from it"),
    Parameter("user", effect="written to the request log as a digest"),
    Parameter("safety_identifier", effect="written to the request log as a digest"),
    Parameter("metadata", effect="comes back with a whole answer"),
    Parameter("max_completion_tokens", "length"),
    Parameter("max_tokens", "length"),
    Parameter("temperature", "sampling", (1,)),
    Parameter("top_p", "sampling", (1,)),
    Parameter("seed", "seed"),
    Parameter("stop", "stop"),
    Parameter("frequency_penalty", "penalties", (0,)),
    Parameter("presence_penalty", "penalties", (0,)),
    Parameter("logit_bias", "logit_bias", ({},)),
    Parameter("logprobs", "logprobs", (False,)),
    Parameter("top_logprobs", "logprobs", (0,)),
    Parameter("response_format", "response_format", ({"type": "text"},)),
    Parameter("tools", "tools", ([],)),
    Parameter("tool_choice", "tools", ("none", "auto")),
    Parameter("parallel_tool_calls", "tools", (True,)),
    Parameter("functions", "functions"),
    Parameter("function_call", "functions", ("none", "auto")),
    Parameter("modalities", "audio", (["text"],)),
    Parameter("audio", "audio"),
    Parameter("prediction", "prediction"),
    Parameter("web_search_options", "web_search"),
    Parameter("moderation", "moderation"),
    Parameter("reasoning_effort", "reasoning", ("none",)),
    Parameter("verbosity", "verbosity", ("medium",)),
    Parameter("service_tier", "service_tier", ("auto", "default")),
    Parameter("store", "store", (False,)),
    Parameter(
        "prompt_cache_key",
        "prompt_cache_key",
        effect="its conversations keep a slot, and share what was read with no other",
    ),
    Parameter("prompt_cache_retention", "prompt_cache", ("in_memory",)),
    Parameter("prompt_cache_options", "prompt_cache", ({}, {"mode": "implicit"})),
)

_NEEDS = {parameter.name: parameter for parameter in PARAMETERS if parameter.needs is not None}

# What a part of a message needs; text and refusal need nothing.
_PART_NEEDS = {"image_url": "images", "input_audio": "audio_input", "file": "files"}


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Something in a request that would have no effect with a model: its path, and a sentence about it."""

    param: str
    message: str


def honour(body: Json, model: Model, *, policy: str) -> tuple[Json, list[str]]:
    """The request as the model gets it, without what asks for nothing, and the paths of what it cannot honour.

    Under the policy ``refuse`` there are none of the latter; under ``warn`` they are left out of the request.

    Raises:
        UnsupportedParameter: under ``refuse``; it names the first.
    """
    found = list(_unsupported(body, model))
    if found and policy == "refuse":
        raise UnsupportedParameter(found[0].message, param=found[0].param)
    names = [unsupported.param for unsupported in found]
    request = {name: value for name, value in body.items() if value is not None and name not in names}
    if any(name.startswith("messages[") for name in names):
        request["messages"] = [_readable(message, model) for message in body["messages"]]
    return request, names


def _unsupported(body: Json, model: Model) -> Iterator[Unsupported]:
    for name, value in body.items():
        parameter = _NEEDS.get(name)
        if parameter is None or value is None or parameter.needs in model.capabilities:
            continue
        if not any(_same(value, neutral) for neutral in parameter.neutral):
            yield Unsupported(
                name, f"Unsupported parameter: '{name}' is not supported with this model.{_hint(parameter)}"
            )
    for index, message in enumerate(body["messages"]):
        if message.get("audio") is not None and "audio" not in model.capabilities:
            name = f"messages[{index}].audio"
            yield Unsupported(name, f"Unsupported parameter: '{name}' is not supported with this model.")
        content = message.get("content")
        if isinstance(content, list):
            yield from _unsupported_parts(content, index, model)


def _unsupported_parts(content: list[Json], index: int, model: Model) -> Iterator[Unsupported]:
    for number, part in enumerate(content):
        name = f"messages[{index}].content[{number}]"
        if not _reads(part, model):
            yield Unsupported(
                name, f"Unsupported content: '{name}' is a part of a type that this model does not read; send text."
            )
        if part.get("prompt_cache_breakpoint") is not None and "prompt_cache" not in model.capabilities:
            name += ".prompt_cache_breakpoint"
            yield Unsupported(name, f"Unsupported parameter: '{name}' is not supported with this model.")
        if _looks_closely(part) and _reads(part, model) and "image_detail" not in model.capabilities:
            name = f"messages[{index}].content[{number}].image_url.detail"
            yield Unsupported(
                name,
                f"Unsupported parameter: '{name}' is not supported with this model. Leave it out or send \"auto\".",
            )


def _looks_closely(part: Json) -> bool:
    return part["type"] == "image_url" and part["image_url"].get("detail") not in (None, "auto")


def _reads(part: Json, model: Model) -> bool:
    needs = _PART_NEEDS.get(part["type"])
    return needs is None or needs in model.capabilities


def _readable(message: Json, model: Model) -> Json:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [part for part in content if _reads(part, model)]}


def _same(value: Any, neutral: Any) -> bool:
    # JSON's true is not 1, though Python's is.
    return value == neutral and isinstance(value, bool) == isinstance(neutral, bool)


def plain_value(value: Any) -> str:
    """A neutral value as a client writes it."""
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


def _hint(parameter: Parameter) -> str:
    if not parameter.neutral:
        return " Leave it out."
    return f" Leave it out or send {' or '.join(map(plain_value, parameter.neutral))}."


def support_table(model: Model) -> str:
    """What a model does with each parameter, as a table in Markdown."""
    rows = ["| Parameter | With this model |", "| --- | --- |"]
    for parameter in PARAMETERS:
        if parameter.needs is None or parameter.needs in model.capabilities:
            text = "honoured" + (f": {parameter.effect}" if parameter.effect else "")
        elif parameter.neutral:
            text = f"refused, but for {' and '.join(f'`{plain_value(v)}`' for v in parameter.neutral)}"
        else:
            text = "refused"
        rows.append(f"| `{parameter.name}` | {text} |")
    return "\n".join(rows)
