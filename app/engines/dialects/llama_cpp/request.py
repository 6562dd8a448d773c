"""Translates a request of the chat-completions API into one for llama.cpp with the same meaning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ....errors import BadRequest
from ....jsontypes import Json
from ...asked import Asked
from ...constraints.format import described
from ...extra import LLAMA_PARAMETERS

# llama.cpp draws a random seed if it gets this one.
_RANDOM_SEED = 0xFFFFFFFF

# Switches off llama.cpp's own defaults. The order of the samplers is the API's: top_p truncates the distribution after
# the temperature was applied. Samplers of parameters beyond the API are included only if the request has them.
_SAMPLERS = {"top_k": "top_k", "typical_p": "typ_p", "min_p": "min_p"}
_ORDER = ("penalties", "temperature", "top_k", "typ_p", "top_p", "min_p")
_NEUTRAL: Json = {
    "top_k": 0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repeat_penalty": 1.0,
    "cache_prompt": True,
}

# Arguments of past calls are parsed here and by llama.cpp, which needs half a kilobyte and a microsecond per value.
_MOST_STRUCTURE = 200_000

_ROLES = {"developer": "system", "function": "tool"}

# The parameters that `translate` reads; the code that constrains the answer handles all others.
TRANSLATED = frozenset(
    {"messages", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop", "logit_bias"}
    | {"max_tokens", "max_completion_tokens", "logprobs", "top_logprobs", *LLAMA_PARAMETERS}
)

# Translates a picture or sound in a message, given with its path, for llama.cpp.
MediaPart = Callable[[Json, str], Json]


def translate(
    request: Json,
    asked: Asked,
    *,
    context_length: int,
    media: MediaPart,
    most_tokens: int | None = None,
    vocabulary_size: int | None = None,
) -> Json:
    """Return llama.cpp's form of a validated request, without the parameters that constrain the answer.

    ``max_tokens`` may be 0 in the result, which llama.cpp does not support. ``context_length`` and ``most_tokens``, the
    limit of every answer, are in tokens; ``vocabulary_size`` is needed only for ``logit_bias``.

    Raises:
        BadRequest: a part of a message cannot be read, or a token is beyond the vocabulary.
    """
    limit = request.get("max_completion_tokens", request.get("max_tokens", most_tokens))
    seed = request.get("seed")
    stop = request.get("stop")
    extra = {name: request[name] for name in LLAMA_PARAMETERS if name in request}
    unused = {sampler for name, sampler in _SAMPLERS.items() if name not in extra}
    # With 0 alternatives, llama.cpp gives no log probabilities. The schema accepts 5.0 as an integer, hence the `int`s.
    logprobs = {} if asked.alternatives is None else {"logprobs": True, "top_logprobs": max(1, asked.alternatives)}
    return {
        **_NEUTRAL,
        **extra,
        "samplers": [sampler for sampler in _ORDER if sampler not in unused],
        **logprobs,
        "messages": described(_translate_messages(request["messages"], media), request),
        "temperature": request.get("temperature", 1),
        "top_p": request.get("top_p", 1),
        "frequency_penalty": request.get("frequency_penalty", 0),
        "presence_penalty": request.get("presence_penalty", 0),
        "repeat_last_n": context_length,  # apply the penalties to the whole text
        "seed": fold_seed(None if seed is None else int(seed)),
        # An empty stop sequence would match everywhere: llama.cpp would end each answer before it began.
        "stop": [text for text in ([stop] if isinstance(stop, str) else stop or []) if text],
        "logit_bias": _translate_bias(request.get("logit_bias") or {}, vocabulary_size),
        **({} if limit is None else {"max_tokens": max(0, min(int(limit), most_tokens or int(limit)))}),
        "timings_per_token": True,  # they report the number of tokens so far
    }


def translate_text(request: Json, asked: Asked, *, context_length: int, vocabulary_size: int | None = None) -> Json:
    """As `translate`, for a completion of one prompt, without log probabilities, whose parameters differ between
    llama.cpp's completion endpoints."""
    chat = {**request, "messages": [], "max_completion_tokens": request["max_tokens"]}
    payload = translate(
        chat,
        asked,
        context_length=context_length,
        media=lambda part, place: part,
        most_tokens=context_length,
        vocabulary_size=vocabulary_size,
    )
    for name in ("messages", "logprobs", "top_logprobs"):
        payload.pop(name, None)
    return {**payload, "prompt": request["prompt"]}


def take_silence(payload: Json) -> bool:
    """Whether an answer must have no tokens. llama.cpp cannot do that, so the payload requests one, to be hidden."""
    silent: bool = payload.get("max_tokens") == 0
    if silent:
        payload["max_tokens"] = 1
    return silent


def take_stops(payload: Json) -> Sequence[str]:
    """Remove and return the stop sequences that the reader must find instead of llama.cpp. llama.cpp misses one next to
    a character that comes in pieces, would end an answer at one in its reasoning, and merges the log probabilities of
    tokens that may begin one. With tools only llama.cpp can find them, so they stay."""
    if "tools" in payload:
        return ()
    stops: str | list[str] = payload["stop"]
    payload["stop"] = []
    return [stops] if isinstance(stops, str) else stops


def fold_seed(seed: int | None) -> int:
    """Map any integer deterministically to llama.cpp's 32 bits; None requests a random seed."""
    if seed is None:
        return _RANDOM_SEED
    if 0 <= seed < _RANDOM_SEED:
        return seed
    digest = hashlib.blake2b(str(seed).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _RANDOM_SEED


def _translate_bias(bias: Json, vocabulary_size: int | None) -> list[list[int]]:
    """Validate the keys: llama.cpp would treat a key that is no id as a text, and bias each of its tokens."""
    result: list[list[int]] = []
    for key, value in bias.items():
        # Check the length first: Python refuses to parse integers of thousands of digits.
        token = int(key) if key.isascii() and key.isdigit() and len(key) <= 10 else None
        if token is None or (vocabulary_size is not None and token >= vocabulary_size):
            limit = "" if vocabulary_size is None else f" between 0 and {vocabulary_size - 1}"
            raise BadRequest(
                f"A key of logit_bias is not a token of this model: send token ids{limit}.",
                param="logit_bias",
                code="invalid_value",
            )
        result.append([token, value])
    return result


def _translate_messages(messages: list[Json], media: MediaPart) -> list[Json]:
    result: list[Json] = []
    structure = 0
    for index, message in enumerate(messages):
        structure += _structure(message)
        if structure > _MOST_STRUCTURE:
            raise BadRequest(
                f"The arguments of all calls together may have at most {_MOST_STRUCTURE} commas and brackets.",
                param=f"messages[{index}]",
                code="invalid_value",
            )
        role = str(message["role"])
        translated: Json = {"role": _ROLES.get(role, role), "content": _join_content(message, index, media)}
        for name in ("name", "tool_call_id", "reasoning_content"):
            if isinstance(message.get(name), str):
                translated[name] = message[name]
        calls = _translate_calls(message)
        if calls:
            translated["tool_calls"] = calls
        elif role == "function":
            translated["tool_call_id"] = _function_call_id(message.get("name"))
        result.append(translated)
    return result


def _structure(message: Json) -> int:
    """Count the commas and brackets of the arguments to be parsed: an upper bound for the number of values."""
    functions = [call.get("function") for call in message.get("tool_calls") or ()] + [message.get("function_call")]
    texts = [function["arguments"] for function in functions if function]
    return sum(text.count(mark) for text in texts for mark in ",{[")


def _join_content(message: Json, index: int, media: MediaPart) -> str | list[Json]:
    """Return the text of a message as one string; for a refusal, the refusal's text. With pictures or sounds, return a
    list in the order of the parts. Adjacent texts are joined, because llama.cpp would start a new line for each."""
    content = message.get("content")
    if content is None:
        return str(message.get("refusal") or "")
    if isinstance(content, str):
        return content
    parts: list[Json] = [{"type": "text", "text": ""}]
    for number, part in enumerate(content):
        kind, place = part.get("type"), f"messages[{index}].content[{number}]"
        if kind in ("text", "refusal"):
            if parts[-1]["type"] != "text":
                parts.append({"type": "text", "text": ""})
            parts[-1]["text"] += part[kind]
        elif kind in ("image_url", "input_audio"):
            parts.append(media(part, place))
        else:
            raise BadRequest(
                "This model does not read parts of this type: send content parts of type text.",
                param=f"{place}.type",
                code="unsupported_parameter",
            )
    return str(parts[0]["text"]) if len(parts) == 1 else [part for part in parts if part.get("text") != ""]


def _translate_calls(message: Json) -> list[Json]:
    """Return the tool calls of a past answer in the only form that llama.cpp reads."""
    calls: list[Json] = []
    for call in message.get("tool_calls") or ():
        if call.get("type") == "custom":
            name, arguments = call["custom"]["name"], json.dumps({"input": call["custom"]["input"]})
        else:
            name, arguments = call["function"]["name"], call["function"]["arguments"]
        calls.append(_function_call(call.get("id"), name, arguments))
    function_call = message.get("function_call")
    if function_call:
        name = function_call["name"]
        calls.append(_function_call(_function_call_id(name), name, function_call["arguments"]))
    return calls


def _function_call(call_id: Any, name: str, arguments: str) -> Json:
    try:
        # As strict as llama.cpp's own parser: no NaN, no infinity, no lone surrogate.
        orjson.loads(arguments)
    except ValueError:
        # A model's invalid call must not make the conversation unusable: llama.cpp requires JSON, so the text is sent
        # as a JSON string.
        arguments = json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _function_call_id(name: Any) -> str:
    return f"call_{name}"
