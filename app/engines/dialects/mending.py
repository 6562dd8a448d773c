"""Repairs the parts of an upstream's answers where the meaning is certain, and counts each repair.

The contract check decides whether an answer may be sent: values that are not understood here are passed on unchanged,
so that the check refuses them. Only members that the API does not have are dropped. This is why the functions return
the API's types: if an upstream sent something else in their place, it is passed on to that check.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping
from typing import Any, cast

from ...errors import UpstreamFailed
from ...jsontypes import Json
from ..base import Logprobs, Message, ToolCall, Usage
from .drift import Drift

# Known members that servers add; all others are counted as "other".
_KNOWN_EXTRAS = frozenset(
    {"timings", "prompt_logprobs", "prompt_token_ids", "prompt_text", "stop_reason", "token_ids", "kv_transfer_params"}
    | {"ec_transfer_params", "metrics", "__verbose", "matched_stop", "hidden_states", "sglext", "routed_experts"}
    | {"meta_info", "prompt_progress", "id_slot", "native_finish_reason", "provider", "citations", "x_groq"}
)

TOP = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint", "moderation"}
    | {"obfuscation", "metadata"}
)
# After the first event, only the choices of an event that has no other members than these are passed on.
PLAIN = TOP - {"moderation"}
CHOICE = frozenset({"index", "delta", "message", "logprobs", "finish_reason"})
_MEMBERS = frozenset(
    {"role", "content", "refusal", "annotations", "audio", "tool_calls", "function_call", "reasoning_content"}
)
_TEXT = frozenset({"role", "content", "refusal", "annotations"})

# JSON has no infinity: an impossible token has this log probability.
_IMPOSSIBLE = -9999.0

# A greater number is an error: JSON parsers agree on integers only up to here.
_MOST_TOKENS = 2**53

_PROMPT_DETAILS = ("cached_tokens", "audio_tokens")
_COMPLETION_DETAILS = (
    "reasoning_tokens",
    "audio_tokens",
    "accepted_prediction_tokens",
    "rejected_prediction_tokens",
)


def count_extras(names: Mapping[str, Any], known: frozenset[str], drift: Drift) -> None:
    """Count the names that the API does not have."""
    if names.keys() <= known:
        return
    for name in names:
        if name not in known:
            drift.count(f"extra_field.{name if name in _KNOWN_EXTRAS else 'other'}")


def mend_identity(answer: Json, kind: str, drift: Drift) -> None:
    """Count errors in an answer's identity fields, which are replaced by ours in any case."""
    for name in ("id", "model"):
        value = answer.get(name)
        if not isinstance(value, str) or not value:
            drift.count(f"{name}_missing")
    if answer.get("object") != kind:
        drift.count("object_wrong")
    created = answer.get("created")
    if not isinstance(created, int) or isinstance(created, bool):
        drift.count("created_no_integer")


def mend_message(source: Any, drift: Drift) -> Message:
    """Return the members of a message or a delta, without the role, which is constant, and without nulls."""
    if not isinstance(source, dict):
        raise UpstreamFailed("The upstream's answer has a message that is not an object.")
    made: Any = {
        name: value for name, value in source.items() if name in _MEMBERS and name != "role" and value is not None
    }
    mended: Message = made
    if (
        source.keys() <= _TEXT
        and not isinstance(made.get("content"), list)
        and ("annotations" in made or "annotations" not in source)
    ):
        return mended  # as most are
    if not source.keys() <= _MEMBERS:
        count_extras(source, _MEMBERS | {"reasoning"}, drift)
        if source.get("reasoning") is not None:
            drift.count("reasoning_renamed")
            made.setdefault("reasoning_content", source["reasoning"])
    if isinstance(made.get("content"), list):
        made["content"] = _text(made["content"], drift)
    if made.get("reasoning_content") == "":
        del made["reasoning_content"]
    if "tool_calls" in made and not made["tool_calls"]:
        drift.count("tool_calls_empty")
        del made["tool_calls"]
    elif "tool_calls" in source and source["tool_calls"] is None:
        drift.count("tool_calls_null")
    for name in ("function_call", "audio", "annotations"):
        if name in source and source[name] is None:
            drift.count(f"{name}_null")
    audio = made.get("audio")
    if isinstance(audio, dict) and None in audio.values():
        drift.count("audio_null")
        made["audio"] = {name: value for name, value in audio.items() if value is not None}
    if isinstance(made.get("function_call"), dict):
        made["function_call"] = _body(made["function_call"], "arguments", drift)
    return mended


def _text(parts: list[Any], drift: Drift) -> Any:
    """Join text parts into one text, the form of the API's answers."""
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in parts]
    if any(not isinstance(text, str) for text in texts):
        return parts
    drift.count("content_in_parts")
    return "".join(str(text) for text in texts)


def call_id() -> str:
    """Return a new id for a tool call that came without one."""
    return f"call_{secrets.token_hex(12)}"


def mend_call(call: Any, drift: Drift) -> ToolCall:
    """Return the repaired tool call of a whole message."""
    kind, body = body_of(call, drift)
    if not isinstance(call.get("id"), str) or not call["id"]:
        drift.count("call_id_missing")
    if call.get("type") != kind:
        drift.count("call_type_missing")
    if kind == "function" and body.get("arguments") is None:
        drift.count("arguments_missing")
        body["arguments"] = "{}"
    return make_call({"id": call.get("id") or call_id(), "type": kind}, kind, body)


def make_call(head: Json, kind: str, body: Json) -> ToolCall:
    """Return a call, or a fragment of one, with its body under the name of its kind."""
    made: Any = {**head, kind: body}
    call: ToolCall = made
    return call


def body_of(call: Any, drift: Drift) -> tuple[str, Json]:
    """Return the kind of a tool call, ``function`` or ``custom``, and its body under that name, without nulls."""
    kind = "custom" if isinstance(call, dict) and isinstance(call.get("custom"), dict) else "function"
    body = call.get(kind) if isinstance(call, dict) else None
    if not isinstance(body, dict):
        raise UpstreamFailed("The upstream's answer has a tool call without a function.")
    return kind, _body(body, "input" if kind == "custom" else "arguments", drift)


def _body(body: Json, text: str, drift: Drift) -> Json:
    made = {name: body[name] for name in ("name", text) if body.get(name) is not None}
    if isinstance(made.get(text), (dict, list)):
        drift.count("arguments_no_text")
        made[text] = json.dumps(made[text], ensure_ascii=False)
    return made


def mend_logprobs(logprobs: Any, alternatives: int | None, drift: Drift) -> Logprobs | None:
    """Return the log probabilities of a choice; ``alternatives`` is the number requested, None: none requested."""
    if logprobs is None:
        return None
    if alternatives is None:
        drift.count("logprobs_unasked")
        return None
    if not isinstance(logprobs, dict):
        return cast(Logprobs, logprobs)
    if "refusal" not in logprobs:
        drift.count("logprobs_without_refusal")
    made: Json = {}
    for name in ("content", "refusal"):
        entries = logprobs.get(name)
        made[name] = entries
        if isinstance(entries, list):
            made[name] = [_entry(entry, alternatives, drift) for entry in entries]
    return cast(Logprobs, made)


def _entry(entry: Any, alternatives: int | None, drift: Drift) -> Any:
    if not isinstance(entry, dict):
        return entry
    made = {"token": entry.get("token"), "logprob": entry.get("logprob"), "bytes": entry.get("bytes")}
    value = made["logprob"]
    if (isinstance(value, float) and not math.isfinite(value)) or value is None:
        drift.count("logprob_infinite")
        made["logprob"] = _IMPOSSIBLE
    if alternatives is not None:
        others = entry.get("top_logprobs")
        if not isinstance(others, list):
            drift.count("top_logprobs_missing")
            others = []
        elif len(others) > alternatives:
            drift.count("top_logprobs_too_many")
        made["top_logprobs"] = [_entry(other, None, drift) for other in others[:alternatives]]
    return made


def mend_usage(usage: Any, drift: Drift) -> Usage | None:
    """Return the usage with every detail of the API, None if there is none. Details that are missing are zero."""
    if not isinstance(usage, dict):
        if usage is not None:
            drift.count("usage_no_object")
        return None
    prompt, completion = _number(usage.get("prompt_tokens")), _number(usage.get("completion_tokens"))
    total = _number(usage.get("total_tokens"))
    if prompt is None or completion is None:
        drift.count("usage_no_numbers")
        return None
    prompt_details: Any = _details(usage.get("prompt_tokens_details"), _PROMPT_DETAILS, prompt, drift)
    thoughts = usage.get("completion_tokens_details")
    hidden = _number(thoughts.get("reasoning_tokens")) if isinstance(thoughts, dict) else None
    if hidden and total == prompt + completion + hidden:
        # Some servers count hidden tokens only in the total; the API counts them in the answer's tokens.
        drift.count("usage_without_thoughts")
        completion += hidden
    completion_details: Any = _details(thoughts, _COMPLETION_DETAILS, completion, drift)
    if usage.get("total_tokens") is None:
        drift.count("usage_without_total")
    elif total != prompt + completion:
        drift.count("usage_total_wrong")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": completion_details,
    }


def _details(given: Any, names: tuple[str, ...], whole: int, drift: Drift) -> Json:
    """Return the details of a token count. Each is capped at the whole; an invalid number becomes zero."""
    if not isinstance(given, dict):
        drift.count("usage_without_details")
        return dict.fromkeys(names, 0)
    made: Json = dict.fromkeys(names, 0)
    for name, value in given.items():
        if value is None:
            continue
        number = _number(value)
        # Rejected predictions are not a part of the answer, so they may exceed it.
        if number is None or (number > whole and name != "rejected_prediction_tokens"):
            drift.count("usage_details_wrong")
            number = 0 if number is None else whole
        made[name] = number
    return made


def _number(value: Any) -> int | None:
    """Return a number of tokens, which may have been sent as a float; None if it is invalid."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def mend_reason(reason: Any, *, calls: bool, drift: Drift) -> str | None:
    """Return the finish reason of a choice, None while it has not ended."""
    if reason == "":
        drift.count("finish_reason_empty")
        return None
    if reason == "stop" and calls:
        drift.count("finish_reason_stop_for_calls")
        return "tool_calls"
    given: str | None = reason
    return given
