"""Mends llama.cpp's answers where they differ from the API's, and turns its errors into ours.

Nothing of an error's text is repeated or logged, for it may hold the prompt.
"""

from __future__ import annotations

import logging
import re
from typing import Any, NoReturn

from ....errors import BadRequest, ContextLengthExceeded, EngineUnavailable, ServerError
from ...base import Json

_log = logging.getLogger("parley")

_CANNOT_DECODE = "Failed to load image or audio file"


def as_event(answer: Json) -> Json:
    """A whole answer of llama.cpp as if it were an event of a stream."""
    for choice in answer.get("choices") or ():
        entries = (choice.get("logprobs") or {}).get("content")
        if entries and not entries[-1].get("bytes"):
            entries.pop()  # the end of the text, which is no part of a stream
    choices = [
        {
            **{name: value for name, value in choice.items() if name != "message"},
            "delta": {
                **choice["message"],
                "tool_calls": [
                    {"index": index, **call} for index, call in enumerate(choice["message"].get("tool_calls") or ())
                ],
            },
        }
        for choice in answer.get("choices") or ()
    ]
    return {**answer, "choices": choices}


def texts(choice: Json) -> list[tuple[str, str]]:
    """The texts that a choice of llama.cpp adds; its first delta has null for content."""
    delta = choice.get("delta") or {}
    return [
        (name, delta[name])
        for name in ("content", "reasoning_content")
        if isinstance(delta.get(name), str) and delta[name]
    ]


def finish_reason_of(choice: Json, *, silent: bool) -> str | None:
    reason = choice.get("finish_reason")
    if reason is None:
        return None
    return "length" if silent or reason == "length" else "stop"


def mend_usage(usage: Json, reasoning_tokens: int, *, silent: bool) -> Json:
    """llama.cpp's usage with every detail of the API; tokens that it does not count are zero."""
    prompt = int(usage.get("prompt_tokens", 0))
    completion = 0 if silent else int(usage.get("completion_tokens", 0))
    cached: Any = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": int(cached), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": min(reasoning_tokens, completion),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def usage_so_far(timings: Json, reasoning_tokens: int) -> Json:
    cached = int(timings.get("cache_n", 0))
    usage = {
        "prompt_tokens": cached + int(timings.get("prompt_n", 0)),
        "completion_tokens": int(timings.get("predicted_n", 0)),
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return mend_usage(usage, reasoning_tokens, silent=False)


def raise_refusal(status: int, error: Json) -> NoReturn:
    """Raise our error for llama.cpp's. Its message may hold the prompt, so only its type is logged."""
    kind = str(error.get("type", ""))
    kind = kind if re.fullmatch("[a-z_]{1,64}", kind) else "unknown"
    if kind == "exceed_context_size_error":
        raise ContextLengthExceeded(
            f"This model's context holds {error.get('n_ctx', 'fewer')} tokens, and the messages take "
            f"{error.get('n_prompt_tokens', 'more')}. Shorten the messages.",
            param="messages",
        )
    if error.get("message") == _CANNOT_DECODE:
        raise BadRequest(
            "A picture or sound in the messages is damaged: it cannot be decoded.",
            param="messages",
            code="image_parse_error",
        )
    _log.warning("llama.cpp refused a request with status %d and type %s", status, kind)
    if status == 503:
        raise EngineUnavailable("The engine cannot answer now. Retry in a moment.")
    if status in (400, 413, 422):
        raise BadRequest(
            "The model cannot work with these messages: its chat template takes them in other roles, or in another "
            "order.",
            param="messages",
            code="invalid_value",
        )
    raise ServerError("The engine failed to answer this request.")
