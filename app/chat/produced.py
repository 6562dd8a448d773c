"""Every property of an answer, whole or in chunks: what a model needs so that its answers have it.

This is the counterpart of the table of parameters, for answers. One test compares it with the contract, and another
with what the bundled model really sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..engines.base import Model


@dataclass(frozen=True, slots=True)
class Produced:
    """When a property is produced. ``needs`` is a capability of the model; None: every model produces it where the
    request asks for it. ``never`` says why no model here produces it; ``note`` is a remark about its value."""

    needs: str | None = None
    never: str = ""
    note: str = ""

    def why_not(self, model: Model) -> str:
        """Why a model's answers never have it; empty if they may."""
        if self.never:
            return self.never
        if self.needs is not None and self.needs not in model.capabilities:
            return f"needs {self.needs}"
        return ""


ALWAYS = Produced()
Rows = dict[str, Produced]


def rows(produced: Produced, names: str | Iterable[str], below: str = "") -> Rows:
    """The same `Produced` for several names below a path. ``names`` may be one string, separated by spaces."""
    listed = names.split() if isinstance(names, str) else names
    return {f"{below}.{name}" if below else name: produced for name in listed}


def _logprobs() -> Rows:
    token = ("token", "logprob", "bytes", "top_logprobs")
    alternative = ("top_logprobs[].token", "top_logprobs[].logprob", "top_logprobs[].bytes")
    at = "choices[].logprobs"
    return {
        at: Produced(note="null unless asked for"),
        **rows(Produced("logprobs"), "content refusal", at),
        **rows(Produced("logprobs"), (*token, *alternative), f"{at}.content[]"),
        **rows(Produced(never="a refusal is text of the answer here"), (*token, *alternative), f"{at}.refusal[]"),
    }


def usage() -> Rows:
    """The token counts of an answer."""
    apart = Produced(never="not counted apart")
    return {
        **rows(ALWAYS, "usage"),
        **rows(ALWAYS, "prompt_tokens completion_tokens total_tokens", "usage"),
        **rows(ALWAYS, "prompt_tokens_details completion_tokens_details", "usage"),
        **rows(ALWAYS, "cached_tokens audio_tokens", "usage.prompt_tokens_details"),
        **rows(apart, "text_tokens image_tokens cache_write_tokens", "usage.prompt_tokens_details"),
        **rows(ALWAYS, "reasoning_tokens audio_tokens", "usage.completion_tokens_details"),
        **rows(ALWAYS, "accepted_prediction_tokens rejected_prediction_tokens", "usage.completion_tokens_details"),
        **rows(apart, "text_tokens", "usage.completion_tokens_details"),
    }


def _moderation() -> Rows:
    needs = Produced("moderation")
    judgement = "type model flagged categories category_scores category_applied_input_types"
    found = rows(needs, "moderation moderation.input moderation.output")
    for side in ("moderation.input", "moderation.output"):
        found |= rows(needs, "type model results code message", side)
        found |= rows(needs, judgement, f"{side}.results[]")
    return found


_IDENTITY = {
    **rows(ALWAYS, "id object created model choices system_fingerprint"),
    "service_tier": Produced(note="always `default`"),
    **rows(ALWAYS, "index finish_reason", "choices[]"),
}

# The properties of the last event of a stream that fails.
FAILURE = ("error", "error.message", "error.type", "error.param", "error.code")

_MESSAGE = "choices[].message"
_DELTA = "choices[].delta"

COMPLETION: Mapping[str, Produced] = {
    **_IDENTITY,
    "metadata": Produced(note="as it was sent"),
    **rows(ALWAYS, "message", "choices[]"),
    **rows(ALWAYS, "role content", _MESSAGE),
    f"{_MESSAGE}.refusal": Produced(note="always null"),
    f"{_MESSAGE}.reasoning_content": Produced("reasoning"),
    f"{_MESSAGE}.annotations": Produced(note="empty without a search of the web"),
    **rows(
        Produced("web_search"),
        "type url_citation url_citation.start_index url_citation.end_index url_citation.url url_citation.title",
        f"{_MESSAGE}.annotations[]",
    ),
    **rows(Produced("tools"), "tool_calls", _MESSAGE),
    **rows(Produced("tools"), "id type function function.name function.arguments", f"{_MESSAGE}.tool_calls[]"),
    **rows(Produced("custom_tools"), "custom custom.name custom.input", f"{_MESSAGE}.tool_calls[]"),
    **rows(Produced("functions"), "function_call function_call.name function_call.arguments", _MESSAGE),
    **rows(Produced("audio"), "audio audio.id audio.expires_at audio.data audio.transcript", _MESSAGE),
    **_logprobs(),
    **usage(),
    **_moderation(),
}

CHUNK: Mapping[str, Produced] = {
    **_IDENTITY,
    "obfuscation": Produced(note="when asked for"),
    **rows(ALWAYS, "delta", "choices[]"),
    **rows(ALWAYS, "role content", _DELTA),
    f"{_DELTA}.refusal": Produced(note="always null"),
    f"{_DELTA}.reasoning_content": Produced("reasoning"),
    **rows(Produced("tools"), "tool_calls", _DELTA),
    **rows(Produced("tools"), "index id type function function.name function.arguments", f"{_DELTA}.tool_calls[]"),
    **rows(Produced("custom_tools"), "custom custom.name custom.input", f"{_DELTA}.tool_calls[]"),
    **rows(Produced("functions"), "function_call function_call.name function_call.arguments", _DELTA),
    **rows(Produced("audio"), "audio audio.id audio.expires_at audio.data audio.transcript", _DELTA),
    **_logprobs(),
    **usage(),
    **_moderation(),
    **rows(Produced(note="when the answer fails after its beginning"), FAILURE),
}
