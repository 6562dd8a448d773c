"""Reads an upstream's whole answer and its errors."""

from __future__ import annotations

import json
import re
from typing import Any

import jiter

from ...errors import ApiError, ContextLengthExceeded, UpstreamFailed, UpstreamRefused
from ...jsontypes import Json
from ..asked import Asked
from ..base import Choice, Completion, Facts, ToolCall
from ..transport.failures import failed_by_status, without
from . import mending
from .drift import Drift

# The API's service tiers; a test compares them with the contract.
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")

_STATUS = re.compile("[45][0-9]{2}")
# Both names of the limit; and one name twice, after both were replaced by the one that the client uses.
_LIMIT = re.compile(r"\bmax_(?:completion_)?tokens\b")
_TWICE = re.compile(r"(['\"`]?\b(max_(?:completion_)?tokens)\b['\"`]?)(?: or | and |/)['\"`]?\2\b['\"`]?")
# Parameters whose names in dialects differ from the API's.
_THEIR_NAMES = {"cache_salt": "prompt_cache_key"}

# The messages of vLLM, SGLang and Ollama, which have no error code.
_TOO_LONG = re.compile(r"maximum context length|longer than the model's context|exceeds? the (available )?context")


def parse(data: bytes) -> Json:
    """Parse the object in JSON text.

    Raises:
        UpstreamFailed: the text is not a JSON object.
    """
    try:
        # Infinities are accepted: some servers send them for the logarithm of a zero probability.
        answer = jiter.from_json(data, allow_inf_nan=True, cache_mode="keys")
    except ValueError:
        raise UpstreamFailed("The upstream's answer is not valid JSON.") from None
    if not isinstance(answer, dict):
        raise UpstreamFailed("The upstream's answer is not an object.")
    return answer


def error_of(answer: Json, secrets: tuple[str, ...] = ()) -> ApiError | None:
    """Return the error in a body or event that came with status 200, None if there is none; not yet `in_our_words`."""
    if answer.get("error") is None and answer.get("object") != "error":
        return None
    error = answer.get("error", answer)
    told: Json = error if isinstance(error, dict) else {"message": error}
    codes = (told.get(name) for name in ("status_code", "status", "code"))
    # LiteLLM writes its codes as texts.
    numbers = (int(code) if isinstance(code, str) and _STATUS.fullmatch(code) else code for code in codes)
    status = next((code for code in numbers if isinstance(code, int) and 400 <= code < 600), 500)
    return failed_by_status(status, {}, json.dumps({"error": told}).encode(), secrets).error


def in_our_words(
    refusal: UpstreamRefused,
    limit_name: str | None = None,
    secrets: tuple[str, ...] = (),
    *,
    param: str = "messages",
) -> ApiError:
    """Return a refusal in this API's form, without ``secrets``: an exceeded context length has a code that clients
    know, and parameters have the client's names. ``limit_name`` is the client's name for the maximum tokens of an
    answer; ``param`` is the parameter with the model's input."""
    told = {"message": None, "param": None, **without(secrets, refusal.error)}
    if limit_name is not None:
        for name, text in told.items():
            if name in ("message", "param") and isinstance(text, str):
                told[name] = _TWICE.sub(r"\1", _LIMIT.sub(limit_name, text))
    if isinstance(told["param"], str):
        told["param"] = _THEIR_NAMES.get(told["param"], told["param"])
    refusal = UpstreamRefused(refusal.status, told, refusal.headers)
    if told.get("type") == "exceed_context_size_error":
        taken, size = (
            count if isinstance(count := told.get(name), int) else 0 for name in ("n_prompt_tokens", "n_ctx")
        )
        sizes = f"This model's context holds {size} tokens, and the {param} takes {taken}. " if size and taken else ""
        sizes = sizes.replace("messages takes", "messages take")
        return ContextLengthExceeded(f"{sizes}Shorten the {param}.", param=param)
    message = told.get("message")
    if told.get("code") == "context_length_exceeded" or (isinstance(message, str) and _TOO_LONG.search(message)):
        return ContextLengthExceeded(refusal.message, param=param)
    return refusal


def read_whole(data: bytes, asked: Asked, drift: Drift, secrets: tuple[str, ...] = ()) -> Completion:
    """Read a whole answer.

    Raises:
        UpstreamFailed: it has no choices, too many of them, or one that cannot be understood.
        ApiError: it reports an error.
    """
    answer = parse(data)
    error = error_of(answer, secrets)
    if error is not None:
        raise error
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UpstreamFailed("The upstream's answer has no choices.")
    if len(choices) > asked.n:
        raise UpstreamFailed("The upstream's answer has more choices than were asked for.")
    mending.mend_identity(answer, "chat.completion", drift)
    mending.count_extras(answer, mending.TOP, drift)
    facts = facts_of(answer, drift)
    read = [_read_choice(choice, place, asked, drift) for place, choice in enumerate(choices)]
    usage = mending.mend_usage(answer.get("usage"), drift)
    if usage is None:
        drift.count("usage_missing")
    else:
        facts["usage"] = usage
    return Completion(read, facts)


def facts_of(answer: Json, drift: Drift) -> Facts:
    """Return the facts of an answer that only the upstream knows. Empty values are dropped, and a vendor-specific
    service tier becomes null."""
    found: Any = {
        name: answer[name] for name in ("service_tier", "system_fingerprint", "moderation") if answer.get(name)
    }
    facts: Facts = found
    if facts.get("service_tier") and facts["service_tier"] not in TIERS:
        drift.count("service_tier_unknown")
        facts["service_tier"] = None
    return facts


def _read_choice(choice: Any, place: int, asked: Asked, drift: Drift) -> Choice:
    if not isinstance(choice, dict):
        raise UpstreamFailed("The upstream's answer has a choice that is not an object.")
    mending.count_extras(choice, mending.CHOICE, drift)
    index = choice.get("index")
    if index is None:
        drift.count("index_missing")
        index = place
    if not isinstance(index, int) or not 0 <= index < asked.n:
        raise UpstreamFailed("The upstream's answer has a choice that was not asked for.")
    source: Any = choice.get("message")
    message = mending.mend_message(source, drift)
    if "refusal" not in source:
        drift.count("refusal_missing")
    names: list[str] = []
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [mending.mend_call(call, drift) for call in calls]
        names = [_name(call) for call in message["tool_calls"]]
        if message.get("content") == "":
            drift.count("content_empty_beside_calls")
            del message["content"]
    reason = mending.mend_reason(choice.get("finish_reason"), calls=bool(names), drift=drift)
    if reason is None:
        drift.count("finish_reason_missing")
        raise UpstreamFailed("The upstream's answer does not say why it ended.")
    logprobs = mending.mend_logprobs(choice.get("logprobs"), asked.alternatives, drift)
    return Choice(index, message, reason, logprobs)


def _name(call: ToolCall) -> str:
    body = call["custom"] if "custom" in call else call["function"]
    return body.get("name", "")


def is_json(text: str) -> bool:
    """Whether a text is valid JSON, without NaN and infinities."""
    try:
        jiter.from_json(text.encode(), allow_inf_nan=False, cache_mode="none")
    except ValueError:
        return False
    return True
