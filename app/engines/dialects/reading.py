"""Reads an upstream's whole answer into what engines give, sees that it is what was asked for, and knows its errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

import jiter

from ...errors import ApiError, ContextLengthExceeded, UpstreamFailed, UpstreamRefused
from ..base import Json
from ..transport.refusals import failed_by_status, without
from . import mending
from .drift import Drift

# What an answer says of itself besides the choices, where it is told by the upstream alone.
TOLD = ("service_tier", "system_fingerprint", "moderation")
# As the API has them; a test compares with the contract.
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")

# Types and codes of errors that tell of a fault in the request.
_REFUSALS = frozenset(
    {"invalid_request_error", "BadRequestError", "exceed_context_size_error", "unsupported_parameter"}
)

# As vLLM, SGLang and Ollama say it, without a code.
_TOO_LONG = re.compile(r"maximum context length|longer than the model's context|exceeds? the (available )?context")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asked for, as far as its answer is held to it.

    ``alternatives`` are those of each token, None: no log probabilities. ``calls``: an answer must call one of
    ``tools``, which are the names of those that may be called. ``json``: its text is JSON, unless it is cut.
    """

    n: int = 1
    alternatives: int | None = None
    calls: bool = False
    tools: frozenset[str] = frozenset()
    json: bool = False

    @classmethod
    def of(cls, request: Json) -> Asked:
        choice = request.get("tool_choice")
        names = frozenset(tool[tool["type"]]["name"] for tool in request.get("tools") or ())
        calls = choice == "required"
        if choice == "none":
            names = frozenset()
        if isinstance(choice, dict):
            calls = True
            if choice["type"] == "allowed_tools":
                calls = choice["allowed_tools"]["mode"] == "required"
                names = frozenset(tool[tool["type"]]["name"] for tool in choice["allowed_tools"]["tools"])
            else:
                names = frozenset({choice[choice["type"]]["name"]})
        alternatives = int(request.get("top_logprobs") or 0) if request.get("logprobs") else None
        form = (request.get("response_format") or {}).get("type")
        bound = form in ("json_object", "json_schema") and not request.get("stop")
        return cls(request.get("n", 1), alternatives, calls, names, bound)


def parse(data: bytes) -> Json:
    """The object in JSON text.

    Raises:
        UpstreamFailed: there is none.
    """
    try:
        # A probability of zero has no finite logarithm, and some write it all the same.
        answer = jiter.from_json(data, allow_inf_nan=True, cache_mode="keys")
    except ValueError:
        raise UpstreamFailed("The upstream's answer is not valid JSON.") from None
    if not isinstance(answer, dict):
        raise UpstreamFailed("The upstream's answer is no object.")
    return answer


def raise_error(answer: Json) -> NoReturn:
    """Raise what an upstream tells as an error in a body or event that came with 200; not `in_our_words` yet."""
    error = answer.get("error", answer)
    told: Json = error if isinstance(error, dict) else {"message": error}
    codes = (told.get(name) for name in ("status_code", "status", "code"))
    status = next((code for code in codes if isinstance(code, int) and 400 <= code < 600), 500)
    if told.get("type") in _REFUSALS or told.get("code") in _REFUSALS:
        status = 400
    raise failed_by_status(status, {}, json.dumps({"error": told}).encode()).error


def is_error(answer: Json) -> bool:
    """Whether an answer or event tells of an error instead."""
    return answer.get("error") is not None or answer.get("object") == "error"


def in_our_words(refusal: UpstreamRefused, secrets: Iterable[str] = ()) -> ApiError:
    """A refusal as this API has it, without ``secrets``: one because of the context's length has a code that clients
    know."""
    told = without(secrets, refusal.error)
    refusal = UpstreamRefused(refusal.status, told, refusal.headers)
    if told.get("type") == "exceed_context_size_error":
        taken, size = (
            count if isinstance(count := told.get(name), int) else 0 for name in ("n_prompt_tokens", "n_ctx")
        )
        sizes = f"This model's context holds {size} tokens, and the messages take {taken}. " if size and taken else ""
        return ContextLengthExceeded(f"{sizes}Shorten the messages.", param="messages")
    message = told.get("message")
    if told.get("code") == "context_length_exceeded" or (isinstance(message, str) and _TOO_LONG.search(message)):
        return ContextLengthExceeded(refusal.message, param="messages")
    return refusal


def whole(answer: Json, asked: Asked, drift: Drift) -> Json:
    """A whole answer as `Engine.complete` gives it.

    Raises:
        UpstreamFailed: it has no choices, too few of them, or not what was asked for.
        ApiError: it tells of an error.
    """
    choices = answer.get("choices")
    if is_error(answer):
        raise_error(answer)
    if not isinstance(choices, list) or not choices:
        raise UpstreamFailed("The upstream's answer has no choices.")
    if len(choices) != asked.n:
        raise UpstreamFailed(f"The upstream's answer has not the {asked.n} choices that were asked for.")
    mending.mend_identity(answer, "chat.completion", drift)
    mending.count_extras(answer, mending.TOP, drift)
    made = told_of(answer, drift)
    made["choices"] = [_whole_choice(choice, place, asked, drift) for place, choice in enumerate(choices)]
    usage = mending.mend_usage(answer.get("usage"), drift)
    if usage is None:
        drift.count("usage_missing")
    else:
        made["usage"] = usage
    return made


def told_of(answer: Json, drift: Drift) -> Json:
    """What an answer says of itself; an empty text says nothing, and a tier of the vendor's own is null: not known."""
    told = {name: answer[name] for name in TOLD if answer.get(name)}
    if told.get("service_tier") and told["service_tier"] not in TIERS:
        drift.count("service_tier_unknown")
        told["service_tier"] = None
    return told


def _whole_choice(choice: Any, place: int, asked: Asked, drift: Drift) -> Json:
    if not isinstance(choice, dict):
        raise UpstreamFailed("The upstream's answer has a choice that is no object.")
    mending.count_extras(choice, mending.CHOICE, drift)
    index = choice.get("index")
    if index is None:
        drift.count("index_missing")
        index = place
    source: Any = choice.get("message")
    message = mending.members(source, drift)
    if "refusal" not in source:
        drift.count("refusal_missing")
    if "tool_calls" in message:
        message["tool_calls"] = mending.mend_calls(message["tool_calls"], drift)
    calls = message.get("tool_calls")
    if calls and message.get("content") == "":
        drift.count("content_empty_beside_calls")
        del message["content"]
    names = [call[call["type"]].get("name") for call in calls] if isinstance(calls, list) else []
    reason = mending.mend_reason(choice.get("finish_reason"), calls=bool(names), drift=drift)
    if reason is None:
        raise UpstreamFailed("The upstream's answer does not say why it ended.")
    check_calls(names, reason, asked)
    if asked.json and reason == "stop" and message.get("refusal") is None:
        check_json(message.get("content"))
    logprobs = mending.mend_logprobs(choice.get("logprobs"), asked.alternatives, drift)
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason}


def check_json(text: Any) -> None:
    """Do nothing when a text is JSON: some servers drop a schema that they do not understand without a word.

    Raises:
        UpstreamFailed: it is not.
    """
    try:
        jiter.from_json(text.encode(), cache_mode="none")
    except (ValueError, AttributeError):
        raise UpstreamFailed("The upstream's model did not answer in the format that was asked for.") from None


def check_calls(names: list[Any], reason: Any, asked: Asked) -> None:
    """Do nothing when the tools called are such as were given, and one is called where one must be.

    Raises:
        UpstreamFailed: they are not.
    """
    if any(name not in asked.tools for name in names):
        raise UpstreamFailed("The upstream's model called a tool that it was not given. Ask again.")
    if asked.calls and not names and reason in ("stop", "tool_calls"):
        raise UpstreamFailed("The upstream's model did not call a tool, as it had to. Ask again.")
